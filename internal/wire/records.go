package wire

import (
	"net"
	"os"
	"sync"
)

// Records is the connection between a TLS session and its socket. crypto/tls
// makes a system call for each record that it reads or writes. ReadAll and
// WriteAll read and write several records with one call. Buffers come from a
// pool, and are held only while they contain data.
//
// A TLS session on Records has at most one reader and one writer at a time.
type Records struct {
	net.Conn

	// Fields for reading.
	ahead     []byte // data read from the socket and not yet by crypto/tls; part of large or small
	large     *LargeBuffer
	small     *SmallBuffer
	hello     hello
	helloDone bool // crypto/tls has read the whole ClientHello
	readAhead bool // read from the socket as much as a large buffer holds
	reading   reading

	// Fields for writing. mu is needed because a reader writes too when it
	// answers a key update.
	mu        sync.Mutex
	gathering bool
	gathered  *LargeBuffer // records that are sent together
	n         int          // bytes in gathered
}

// reading is the way in which data is read from the socket. Without data, reading fails
// with os.ErrDeadlineExceeded, after which crypto/tls can read again.
type reading uint8

const (
	blocking     reading = iota // wait for data
	blockingOnce                // wait for data once; then buffered
	nonblocking                 // read only the data that has arrived
	buffered                    // read nothing: there is data in ahead or in crypto/tls
)

// NewRecords returns the connection for a TLS session on conn.
func NewRecords(conn net.Conn) *Records { return &Records{Conn: conn} }

// Under returns the Records under a TLS session, or nil.
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

// CloseWrite closes the sending half of the socket, if the socket supports
// that.
func (r *Records) CloseWrite() error {
	if half, ok := r.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return net.ErrClosed
}

// Read reads for crypto/tls.
func (r *Records) Read(p []byte) (int, error) {
	switch {
	case !r.helloDone:
		return r.readHello(p)
	case len(r.ahead) > 0:
	case r.reading == buffered:
		return 0, os.ErrDeadlineExceeded
	case r.reading == nonblocking:
		return readNow(r.Conn, p)
	case r.reading == blockingOnce:
		r.reading = buffered
		return r.Conn.Read(p)
	case !r.readAhead || !r.takeLarge():
		return r.Conn.Read(p)
	default:
		n, err := r.Conn.Read(r.large[:aheadSize])
		if r.ahead = r.large[:n]; n == 0 {
			r.freeBuffers()
			return 0, err
		}
	}
	return r.copyAhead(p), nil
}

// takeLarge reports whether there is a free large buffer to read ahead.
func (r *Records) takeLarge() bool {
	r.large = TakeLarge()
	return r.large != nil
}

// copyAhead copies data that was read ahead to p.
func (r *Records) copyAhead(p []byte) int {
	n := copy(p, r.ahead)
	r.ahead = r.ahead[n:]
	r.freeBuffers()
	return n
}

// freeBuffers returns the buffers to the pool once they are empty.
func (r *Records) freeBuffers() {
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

// ReadAll reads from the TLS session on r into p. It waits for the first bytes, and
// then adds the records that have arrived already. If p holds Bulk bytes, it reads
// ahead from the socket.
func (r *Records) ReadAll(session net.Conn, p []byte) (int, error) {
	defer r.dropAhead()
	r.readAhead = len(p) >= Bulk
	n, err := session.Read(p)
	r.readAhead = false
	return r.readRest(session, p, n, err)
}

// dropAhead returns the large buffer to the pool. Only a session that has failed has
// not used all of it; see aheadSize.
func (r *Records) dropAhead() {
	if r.large != nil {
		r.ahead = nil
		r.freeBuffers()
	}
}

// ReadReady is ReadAll for a small p and a socket with data to read. It reads from
// the socket once. If only a part of a record has arrived, it fails with
// os.ErrDeadlineExceeded instead of waiting for the rest.
func (r *Records) ReadReady(session net.Conn, p []byte) (int, error) {
	n, err := r.readBy(blockingOnce, session, p)
	return r.readRest(session, p, n, err)
}

// ReadNow reads the records that have arrived into p. It fails with
// os.ErrDeadlineExceeded instead of waiting for a whole record.
func (r *Records) ReadNow(session net.Conn, p []byte) (int, error) {
	return r.readBy(nonblocking, session, p)
}

// readBy reads from the TLS session on r in a way.
func (r *Records) readBy(way reading, session net.Conn, p []byte) (int, error) {
	r.reading = way
	defer func() { r.reading = blocking }()
	return session.Read(p)
}

// readNow reads from a connection without waiting. It fails with os.ErrDeadlineExceeded
// if no byte has arrived, and always if the connection cannot read so.
func readNow(conn net.Conn, p []byte) (int, error) {
	if c, ok := conn.(interface{ ReadNow(p []byte) (int, error) }); ok {
		return c.ReadNow(p)
	}
	return 0, os.ErrDeadlineExceeded
}

// readRest adds the records that have arrived already to the n bytes that were read.
func (r *Records) readRest(session net.Conn, p []byte, n int, err error) (int, error) {
	for err == nil && n > 0 && r.hasMore(n, len(p)-n) {
		var more int
		more, err = r.readBy(buffered, session, p[n:])
		n += more
	}
	if n > 0 {
		return n, nil // the next read returns the error again
	}
	return n, err
}

// hasMore reports whether more records may have arrived after the n bytes that
// were read: in ahead, or in crypto/tls, which reads small records together, and
// the last two of ahead.
func (r *Records) hasMore(n, room int) bool {
	return room > 0 && (len(r.ahead) > 0 || n < recordSize || n+room >= Bulk)
}

const (
	// recordSize is the largest content of a record, in bytes (RFC 8446 §5.1).
	recordSize = 16 << 10

	// aheadSize is the number of bytes that are read ahead at most. Their content
	// and that of a record whose beginning was read earlier fit in Bulk bytes, so
	// that nothing read ahead is left when ReadAll returns.
	aheadSize = Bulk - recordSize
)

// Write writes a record of crypto/tls, or gathers it for WriteAll.
func (r *Records) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.gathering {
		return r.Conn.Write(p)
	}
	if r.gathered == nil {
		r.gathered = TakeLarge()
	}
	if r.gathered == nil {
		return r.Conn.Write(p)
	}
	if r.n+len(p) > len(r.gathered) {
		if err := r.send(); err != nil {
			return 0, err
		}
	}
	r.n += copy(r.gathered[r.n:], p)
	return len(p), nil
}

// send writes the gathered records to the socket.
func (r *Records) send() error {
	if r.n == 0 {
		return nil
	}
	_, err := r.Conn.Write(r.gathered[:r.n])
	r.n = 0
	return err
}

// WriteAll writes p to the TLS session on r, with several records in one system call.
func (r *Records) WriteAll(session net.Conn, p []byte) (int, error) {
	if len(p) <= recordSize {
		return session.Write(p)
	}
	r.mu.Lock()
	r.gathering = true
	r.mu.Unlock()
	defer r.endGathering()
	n, err := session.Write(p)
	r.mu.Lock()
	if e := r.send(); err == nil {
		err = e
	}
	r.mu.Unlock()
	if err != nil {
		return 0, err
	}
	return n, nil
}

// endGathering returns the buffer of WriteAll to the pool.
func (r *Records) endGathering() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.gathering = false
	if r.gathered != nil {
		r.gathered.Give()
		r.gathered = nil
	}
}
