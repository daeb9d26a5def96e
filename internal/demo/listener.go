package demo

import (
	"errors"
	"fmt"
	"net"
	"sync"
	"time"
)

// maxSessions is the maximum number of open connections of a server; more wait
// in the kernel's queue.
const maxSessions = 64

// listener accepts on a free port and records its connections, so
// that it can close them and wait until their sessions have ended. The Close of
// the libraries does not wait, and misses a connection that was accepted a
// moment before.
type listener struct {
	*net.TCPListener

	slots    chan struct{} // has a value for each open connection
	done     chan struct{} // closed by cut
	sessions sync.WaitGroup

	mu   sync.Mutex
	open map[*conn]struct{} // nil after cut
}

// listen opens a listener that does not accept yet.
func listen(ip string) (*listener, error) {
	l, err := net.Listen("tcp", net.JoinHostPort(ip, "0"))
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	return &listener{
		TCPListener: l.(*net.TCPListener),
		slots:       make(chan struct{}, maxSessions),
		done:        make(chan struct{}),
		open:        make(map[*conn]struct{}),
	}, nil
}

// Accept waits for a connection. Its only error is net.ErrClosed: other errors
// are temporary (too many open files), so it tries again.
func (l *listener) Accept() (net.Conn, error) {
	select {
	case l.slots <- struct{}{}:
	case <-l.done:
		return nil, net.ErrClosed
	}
	for {
		tcp, err := l.AcceptTCP()
		switch {
		case err == nil:
			return l.admit(tcp)
		case errors.Is(err, net.ErrClosed):
			return nil, net.ErrClosed
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-l.done:
			return nil, net.ErrClosed
		}
	}
}

// admit records a connection, unless the listener has been cut.
func (l *listener) admit(tcp *net.TCPConn) (net.Conn, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open == nil {
		_ = tcp.Close()
		return nil, net.ErrClosed
	}
	c := &conn{TCPConn: tcp, listener: l}
	l.open[c] = struct{}{}
	l.sessions.Add(1)
	return c, nil
}

// each runs session on every connection, in a new goroutine.
func (l *listener) each(session func(net.Conn)) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer func() { _ = c.Close() }()
			session(c)
		}()
	}
}

// cut closes the listener and its connections; sessions counts the sessions
// that have not ended yet. It may be called again.
func (l *listener) cut() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open == nil {
		return nil
	}
	for c := range l.open {
		_ = c.TCPConn.Close()
	}
	l.open = nil
	close(l.done)
	return l.TCPListener.Close()
}

// conn is a connection of a session. The session has ended when it closes it.
type conn struct {
	*net.TCPConn

	listener *listener
	release  sync.Once
}

// Write does not report an error: it closes the connection, so that the
// session's next read fails. After an error of a write in the middle of a
// message, go-imap's server would wait for ever for its own lock.
func (c *conn) Write(p []byte) (int, error) {
	if _, err := c.TCPConn.Write(p); err != nil {
		_ = c.TCPConn.Close()
	}
	return len(p), nil
}

// Close closes the connection and releases its slot.
func (c *conn) Close() error {
	err := c.TCPConn.Close()
	c.release.Do(func() {
		c.listener.mu.Lock()
		delete(c.listener.open, c)
		c.listener.mu.Unlock()
		<-c.listener.slots
		c.listener.sessions.Done()
	})
	return err
}
