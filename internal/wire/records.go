package wire

import (
	"net"
	"os"
	"sync"
)

// Records is the connection under a TLS session. crypto/tls writes each record
// with a system call of its own and reads one at a time; when told to, Records
// writes several at once and reads several ahead. Its buffers are there only
// while they hold something.
//
// A TLS session on it is used by one reader and one writer at a time.
type Records struct {
	net.Conn

	// Reader's side.
	ahead  []byte // read and not yet asked for: part of one of the two
	large  *LargeBuffer
	small  *SmallBuffer
	hello  hello
	passed bool // the ClientHello is through
	greedy bool // read ahead
	noWait bool // fail rather than wait
	once   bool // do so behind the next read of the socket

	// A reader that answers a key update writes too, at any moment.
	mu      sync.Mutex
	gather  bool
	waiting *LargeBuffer // records that wait for the last one
	n       int
}

// NewRecords returns the connection to put TLS on.
func NewRecords(conn net.Conn) *Records { return &Records{Conn: conn} }

// Under finds the Records that a TLS session runs on; nil if there are none.
func Under(conn net.Conn) *Records {
	t, ok := conn.(interface{ NetConn() net.Conn })
	if !ok {
		return nil
	}
	if r, ok := t.NetConn().(interface{ self() *Records }); ok {
		return r.self()
	}
	return nil
}

func (r *Records) self() *Records { return r }

// CloseWrite closes the half of the socket, if it has halves.
func (r *Records) CloseWrite() error {
	if half, ok := r.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return net.ErrClosed
}

// Read gives crypto/tls what it asks for.
func (r *Records) Read(p []byte) (int, error) {
	switch {
	case !r.passed:
		return r.readHello(p)
	case len(r.ahead) > 0:
	case r.noWait:
		return 0, os.ErrDeadlineExceeded // crypto/tls can go on after it
	case !r.greedy:
		r.noWait = r.once
		return r.Conn.Read(p)
	default:
		r.large = TakeLarge()
		n, err := r.Conn.Read(r.large[:])
		if r.ahead = r.large[:n]; n == 0 {
			r.tidy()
			return 0, err
		}
	}
	return r.take(p), nil
}

// take hands out what was read ahead.
func (r *Records) take(p []byte) int {
	n := copy(p, r.ahead)
	r.ahead = r.ahead[n:]
	r.tidy()
	return n
}

// tidy gives empty buffers back.
func (r *Records) tidy() {
	if len(r.ahead) > 0 {
		return
	}
	if r.large != nil {
		r.large.Give()
	}
	if r.small != nil {
		r.small.Give()
	}
	r.large, r.small, r.ahead = nil, nil, nil
}

// ReadAll reads from the TLS session on r into p: it waits for the first
// bytes, and then takes what is there of further records. For a p of the size
// of bulk the reads that it makes ahead are large.
func (r *Records) ReadAll(session net.Conn, p []byte) (int, error) {
	r.greedy = len(p) >= Bulk
	n, err := session.Read(p)
	r.greedy = false
	return r.readOn(session, p, n, err)
}

// ReadReady is ReadAll for a small p and a socket that has something to read:
// it is read once. Half a record is no reason to wait for the other half, but
// fails with os.ErrDeadlineExceeded.
func (r *Records) ReadReady(session net.Conn, p []byte) (int, error) {
	r.once = true
	n, err := session.Read(p)
	r.once, r.noWait = false, false
	return r.readOn(session, p, n, err)
}

// readOn takes what is there behind the n bytes that were read.
func (r *Records) readOn(session net.Conn, p []byte, n int, err error) (int, error) {
	for err == nil && n > 0 && r.mayHold(n, len(p)-n) {
		var more int
		r.noWait = true
		more, err = session.Read(p[n:])
		r.noWait = false
		n += more
	}
	if n > 0 {
		return n, nil // an error will be there again
	}
	return n, err
}

// mayHold reports whether there may be records behind the n bytes that were
// read: ahead, for which there must be room for a whole one, or in crypto/tls,
// which reads small ones together.
func (r *Records) mayHold(n, room int) bool {
	return len(r.ahead) > 0 && room >= recordSize || n < recordSize && room > 0
}

// recordSize is the most that one record carries (RFC 8446 §5.1).
const recordSize = 16 << 10

// Write takes a record.
func (r *Records) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.gather {
		return r.Conn.Write(p)
	}
	if r.waiting == nil {
		r.waiting = TakeLarge()
	}
	if r.n+len(p) > len(r.waiting) {
		if err := r.send(); err != nil {
			return 0, err
		}
	}
	r.n += copy(r.waiting[r.n:], p)
	return len(p), nil
}

// send writes the records that have been gathered.
func (r *Records) send() error {
	if r.n == 0 {
		return nil
	}
	_, err := r.Conn.Write(r.waiting[:r.n])
	r.n = 0
	return err
}

// WriteAll writes p to the TLS session on r, several records at once.
func (r *Records) WriteAll(session net.Conn, p []byte) (int, error) {
	if len(p) <= recordSize {
		return session.Write(p)
	}
	r.mu.Lock()
	r.gather = true
	r.mu.Unlock()
	n, err := session.Write(p)
	r.mu.Lock()
	defer r.mu.Unlock()
	if e := r.send(); err == nil {
		err = e
	}
	r.gather = false
	if r.waiting != nil {
		r.waiting.Give()
		r.waiting = nil
	}
	if err != nil {
		return 0, err
	}
	return n, nil
}
