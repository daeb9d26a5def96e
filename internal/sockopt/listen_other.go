//go:build !linux

package sockopt

import (
	"net"
	"syscall"
)

// Listen returns the configuration for the sockets that clients connect to. Package
// net sets the keepalives of each accepted connection.
func Listen() net.ListenConfig { return net.ListenConfig{KeepAliveConfig: KeepAlive()} }

// Set does nothing: accepted connections do not inherit options here.
func Set(syscall.RawConn) error { return nil }
