package socketio

import (
	"errors"
	"io"
	"net"
	"os"
	"syscall"
)

// socket holds the methods of a connection of package net that Conn uses.
type socket interface {
	net.Conn
	syscall.Conn
	CloseWrite() error
}

// Conn is a TCP connection, or one of a Unix socket. Only Read and Write differ from
// those of package net.
type Conn struct {
	socket
	raw syscall.RawConn
}

// Wrap returns a Conn on a connection of package net, and any other connection
// unchanged.
func Wrap(conn net.Conn) net.Conn {
	switch conn.(type) {
	case *net.TCPConn, *net.UnixConn:
	default:
		return conn
	}
	s := conn.(socket)
	raw, err := s.SyscallConn()
	if err != nil {
		return conn
	}
	return &Conn{s, raw}
}

// Read implements net.Conn.
func (c *Conn) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	o := newOperation(p)
	defer o.release()
	return c.read(o, o.read)
}

// ReadNow is Read without a wait: it fails with os.ErrDeadlineExceeded if no byte has
// arrived. p must not be empty.
func (c *Conn) ReadNow(p []byte) (int, error) {
	o := newOperation(p)
	defer o.release()
	return c.read(o, o.readNow)
}

func (c *Conn) read(o *operation, once func(fd uintptr) (done bool)) (int, error) {
	if err := o.failure("read", c.raw.Read(once)); err != nil {
		return 0, c.wrap("read", err)
	}
	if o.n == 0 {
		return 0, io.EOF
	}
	return o.n, nil
}

// Write implements net.Conn.
func (c *Conn) Write(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	o := newOperation(p)
	defer o.release()
	if err := o.failure("write", c.raw.Write(o.write)); err != nil {
		return o.n, c.wrap("write", err)
	}
	return o.n, nil
}

// wrap returns the error that package net returns for a failed read or write.
func (c *Conn) wrap(operation string, err error) error {
	return &net.OpError{Op: operation, Net: c.LocalAddr().Network(), Source: c.LocalAddr(), Addr: c.RemoteAddr(), Err: err}
}

// operation is one read or write. Operations are reused, because the functions that
// RawConn calls would otherwise be allocated for each.
type operation struct {
	p                    []byte
	n                    int // bytes that were read or written
	errno                syscall.Errno
	read, readNow, write func(fd uintptr) (done bool)
}

var operations = pool{New: func() any {
	o := &operation{}
	o.read, o.readNow, o.write = o.readOnce, o.tryToRead, o.writeAll
	return o
}}

func newOperation(p []byte) *operation {
	o := operations.Get().(*operation)
	o.p, o.n, o.errno = p, 0, 0
	return o
}

func (o *operation) release() {
	o.p = nil
	operations.Put(o)
}

// failure returns the operation's error: that of its system call, or else the error
// of the wait for the socket, such as os.ErrDeadlineExceeded.
func (o *operation) failure(call string, waiting error) error {
	switch o.errno {
	case 0:
	case syscall.EAGAIN:
		return os.ErrDeadlineExceeded
	default:
		return os.NewSyscallError(call, o.errno)
	}
	if raw, ok := errors.AsType[*net.OpError](waiting); ok {
		return raw.Err
	}
	return waiting
}

// readOnce reads once. It reports false if there is nothing to read yet.
func (o *operation) readOnce(fd uintptr) (done bool) {
	o.n, o.errno = read(fd, o.p)
	return o.settled()
}

// tryToRead reads once, and leaves EAGAIN as the error if there is nothing to read yet.
func (o *operation) tryToRead(fd uintptr) (done bool) {
	o.n, o.errno = read(fd, o.p)
	return true
}

// writeAll writes as much as the socket takes. It reports false if there is more.
func (o *operation) writeAll(fd uintptr) (done bool) {
	for o.n < len(o.p) {
		n, errno := write(fd, o.p[o.n:])
		o.n, o.errno = o.n+n, errno
		if errno != 0 {
			return o.settled()
		}
	}
	return true
}

// settled reports whether the last system call has not failed because it would have
// had to wait.
func (o *operation) settled() bool {
	if o.errno != syscall.EAGAIN {
		return true
	}
	o.errno = 0
	return false
}
