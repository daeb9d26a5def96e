package wire

import (
	"encoding/binary"
)

// hello splits the first record of a TLS client, its ClientHello, into smaller
// records, as RFC 8446 §5.1 allows. crypto/tls keeps a buffer of the size of the
// largest record that it has read until the session ends. With post-quantum key
// shares the ClientHello is by far the largest record of a session that then idles:
// split, it costs a third of the memory. All pieces have the same size, because
// crypto/tls joins them in a buffer that it doubles, and keeps that buffer too.
type hello struct {
	begun bool
	head  [3]byte // the record's type and version
	left  uint16  // bytes of the record that crypto/tls has not read yet
	piece uint16  // size of the pieces
}

const (
	recordHeader = 5
	handshake    = 22 // the record's type (RFC 8446 §5.1)
	maxPlaintext = 1 << 14
	maxPiece     = 512 // with its header smaller than the first buffer of crypto/tls
)

// readHello is Read until the whole ClientHello has been read.
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
		if !r.hello.start(r.ahead) {
			r.helloDone = true // not a ClientHello, or an incomplete header: unchanged
			return r.copyAhead(p), nil
		}
		r.ahead = r.ahead[recordHeader:]
	}
	k := min(int(r.hello.left), len(r.ahead), int(r.hello.piece), len(p)-recordHeader)
	if k <= 0 { // the rest of the record has not arrived
		return r.readHello(p)
	}
	copy(p, r.hello.head[:])
	binary.BigEndian.PutUint16(p[3:], uint16(k)) //nolint:gosec // at most r.hello.left, a uint16
	copy(p[recordHeader:], r.ahead[:k])
	r.ahead = r.ahead[k:]
	r.hello.left -= uint16(k) //nolint:gosec // as above
	r.helloDone = r.hello.left == 0
	r.freeBuffers()
	return recordHeader + k, nil
}

// start begins with the record at the start of b. It returns false if that is not a
// handshake record.
func (h *hello) start(b []byte) bool {
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
