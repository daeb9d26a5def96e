//go:build !linux

package parking

import "net"

// Poller does nothing on this system. A relay direction that is silent keeps its
// goroutine, and a client that leaves while its session waits for the backend is
// noticed when the session's deadline is over.
type Poller struct{}

// Entry identifies a waiter's registration.
type Entry struct{}

// New returns a poller.
func New() (*Poller, error) { return &Poller{}, nil }

// Park reports false: the caller must wait by itself.
func (*Poller) Park(Waiter, *Entry, net.Conn) bool { return false }

// Watch does nothing.
func (*Poller) Watch(Waiter, *Entry, net.Conn) {}

// Peek assumes that a byte can be read: the next read waits for it.
func Peek(net.Conn) (has, ended bool) { return true, false }

// Leave does nothing.
func (*Poller) Leave(*Entry) {}

// Close does nothing.
func (*Poller) Close() {}
