// Package alpine tests the apk package with a library that reads and installs
// packages as Alpine's apk does, because Debian has no apk. It is a module of its own,
// so that the program does not depend on the library.
package alpine
