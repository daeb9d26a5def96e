package wire

import (
	"encoding/binary"
)

// hello cuts the first record of a TLS client, its ClientHello, into smaller
// ones, which RFC 8446 §5.1 allows anybody to do. crypto/tls keeps a buffer of
// the size of the largest record that it has read for as long as the session
// lives, and with post-quantum key shares the ClientHello is by far the largest
// that a session in IDLE ever sends: cut up, it costs a third. The pieces are of
// one size, for crypto/tls puts them together in a buffer that it doubles, and
// keeps that too.
type hello struct {
	begun bool
	head  [3]byte // the record's type and version
	left  uint16  // bytes of it that are not yet handed out
	piece uint16
}

const (
	recordHeader = 5
	handshake    = 22 // the record's type (RFC 8446 §5.1)
	maxPlaintext = 1 << 14
	maxPiece     = 512 // with its header less than crypto/tls reserves at first
)

// readHello is Read while the ClientHello is on its way.
func (r *Records) readHello(p []byte) (int, error) {
	if len(r.ahead) == 0 {
		if r.small == nil {
			r.small = TakeSmall()
		}
		n, err := r.Conn.Read(r.small[:])
		if n == 0 {
			return 0, err
		}
		r.ahead = r.small[:n]
	}
	if !r.hello.begun {
		if !r.hello.begin(r.ahead) {
			r.passed = true // not a ClientHello, or not yet whole: as it is
			return r.take(p), nil
		}
		r.ahead = r.ahead[recordHeader:]
	}
	k := min(int(r.hello.left), len(r.ahead), int(r.hello.piece), len(p)-recordHeader)
	if k <= 0 { // the rest of the record is still on its way
		return r.readHello(p)
	}
	copy(p, r.hello.head[:])
	binary.BigEndian.PutUint16(p[3:], uint16(k)) //nolint:gosec // at most r.hello.left, a uint16
	copy(p[recordHeader:], r.ahead[:k])
	r.ahead = r.ahead[k:]
	r.hello.left -= uint16(k) //nolint:gosec // as above
	r.passed = r.hello.left == 0
	r.tidy()
	return recordHeader + k, nil
}

func (h *hello) begin(b []byte) bool {
	if len(b) < recordHeader || b[0] != handshake {
		return false
	}
	n := binary.BigEndian.Uint16(b[3:])
	if n == 0 || n > maxPlaintext {
		return false
	}
	h.begun, h.left, h.piece = true, n, n
	for h.piece > maxPiece {
		h.piece = (h.piece + 1) / 2
	}
	copy(h.head[:], b)
	return true
}
