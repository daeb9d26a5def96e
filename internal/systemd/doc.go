// Package systemd tells systemd the state of the service, and takes over the
// listening sockets that systemd has opened for it. Without systemd its
// functions do nothing.
package systemd
