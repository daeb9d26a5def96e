// Package compose holds compose files for Docker, and tests of them and of the
// container image. docs/guides/containers.md shows the files.
//
// `make test-containers` runs the tests, with Debian's docker.io and
// docker-compose in a private root and in namespaces of their own, so that
// neither the Docker nor the network of the machine is used.
package compose
