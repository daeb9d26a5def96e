package clienthello

import "encoding/binary"

const (
	recordHeader = 5
	handshake    = 22 // the type of a record (RFC 8446 §5.1)
	header       = 4  // of a handshake message: its type, and its length in three bytes
	clientHello  = 1  // the type of the message
)

// maxKept bounds what is kept of a client's first message, in bytes. Those of
// real clients have up to 2 KiB.
const maxKept = 4 << 10

// Collector keeps the first message of a client. The zero value is ready.
type Collector struct {
	record  [recordHeader]byte // the header of the current record
	n       int                // bytes of the header that are there
	left    int                // bytes of the record that are to come
	message []byte
	ssl2    bool // the message is one of SSL 2.0, without records
	ended   bool // the message is whole, or as much as is kept, or no handshake
}

// Add takes what the client has sent next.
func (c *Collector) Add(p []byte) {
	for len(p) > 0 && !c.ended {
		switch {
		case c.ssl2:
			p = c.keep(p, len(p))
		case c.left > 0:
			n := min(c.left, len(p))
			c.left -= n
			c.keep(p[:n], n)
			p = p[n:]
		default:
			p = c.addHeader(p)
		}
	}
}

// addHeader takes bytes of a record's header.
func (c *Collector) addHeader(p []byte) []byte {
	if len(c.message) == 0 && c.n == 0 && p[0]&0x80 != 0 {
		c.ssl2 = true
		return p
	}
	n := copy(c.record[c.n:], p)
	if c.n += n; c.n < recordHeader {
		return nil
	}
	c.n = 0
	c.left = int(binary.BigEndian.Uint16(c.record[3:]))
	c.ended = c.record[0] != handshake
	return p[n:]
}

// usualSize holds a ClientHello with a post-quantum key share, in bytes.
const usualSize = 2 << 10

// keep adds to the message, and returns what is left of p.
func (c *Collector) keep(p []byte, n int) []byte {
	if c.message == nil {
		c.message = make([]byte, 0, usualSize)
	}
	c.message = append(c.message, p[:min(n, maxKept-len(c.message))]...)
	c.ended = len(c.message) >= c.size()
	return p[n:]
}

// size returns how long the message is, as far as it is kept.
func (c *Collector) size() int {
	switch m := c.message; {
	case c.ssl2 && len(m) >= 2:
		return min(maxKept, 2+int(binary.BigEndian.Uint16(m)&0x7fff))
	case !c.ssl2 && len(m) >= header:
		return min(maxKept, header+int(m[1])<<16+int(binary.BigEndian.Uint16(m[2:])))
	}
	return maxKept
}

// Hello reads the message; false: it is no ClientHello.
func (c *Collector) Hello() (Hello, bool) {
	switch m := c.message; {
	case c.ssl2 && len(m) > 2 && m[2] == clientHello:
		return readSSL2(m[2:]), true
	case !c.ssl2 && len(m) > header && m[0] == clientHello:
		whole := len(m) == header+int(m[1])<<16+int(binary.BigEndian.Uint16(m[2:]))
		return read(m[header:], whole), true
	}
	return Hello{}, false
}
