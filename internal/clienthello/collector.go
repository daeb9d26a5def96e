package clienthello

import "encoding/binary"

const (
	recordHeader = 5
	handshake    = 22 // the record type (RFC 8446 §5.1)
	header       = 4  // of a handshake message: one byte for its type, three for its length
	clientHello  = 1  // the type of the message
)

// maxKept bounds the part of a client's first message that is kept, in bytes.
// The messages of real clients have up to 2 KiB.
const maxKept = 4 << 10

// Collector keeps the first message of a client. The zero value is ready.
type Collector struct {
	record  [recordHeader]byte // the header of the current record
	n       int                // bytes of the header that have arrived
	left    int                // bytes of the record that have not arrived yet
	message []byte
	ssl2    bool // the message is in the format of SSL 2.0, which has no records
	ended   bool // nothing more is kept: the message is whole, too long, or not a handshake message
}

// Add adds the next bytes from the client.
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

// addHeader adds bytes of a record's header.
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

// usualSize is enough for a ClientHello with a post-quantum key share, in
// bytes.
const usualSize = 2 << 10

// keep adds bytes of p to the message, and returns the rest of p.
func (c *Collector) keep(p []byte, n int) []byte {
	if c.message == nil {
		c.message = make([]byte, 0, usualSize)
	}
	c.message = append(c.message, p[:min(n, maxKept-len(c.message))]...)
	c.ended = len(c.message) >= c.size()
	return p[n:]
}

// size returns the length of the message, or maxKept if it is longer.
func (c *Collector) size() int {
	switch m := c.message; {
	case c.ssl2 && len(m) >= 2:
		return min(maxKept, 2+int(binary.BigEndian.Uint16(m)&0x7fff))
	case !c.ssl2 && len(m) >= header:
		return min(maxKept, header+int(m[1])<<16+int(binary.BigEndian.Uint16(m[2:])))
	}
	return maxKept
}

// Hello parses the message. It returns false if the message is not a
// ClientHello.
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
