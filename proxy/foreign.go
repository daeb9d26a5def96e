package proxy

import (
	"errors"
	"io"

	"github.com/letterlock/letterlock/internal/wire"
)

// read is Read below the turns of a handshake. Where TLS has to be what the
// connection begins with, it fails with a wire.Foreign error as soon as the
// first bytes are something else. Nothing is said to such a client: of an alert
// it could make no more than of silence, and of plaintext there is none on a
// port for TLS.
func (c *heardConn) read(p []byte) (n int, err error) {
	if !c.turn.first {
		return c.Records.Read(p)
	}
	c.turn.first = false
	for n < len(p) {
		more, err := c.Records.Read(p[n:])
		n += more
		if n == 0 || err != nil && !errors.Is(err, io.EOF) {
			return n, err
		}
		protocol, decided := wire.Recognise(p[:n])
		switch {
		case protocol == wire.TLS || protocol == wire.SSLv2: // crypto/tls knows how to refuse that
			return n, nil
		case protocol != wire.Unrecognised:
			return 0, wire.Foreign{Protocol: protocol}
		case decided && p[0] < 0x80:
			return 0, wire.Foreign{Protocol: wire.Plaintext}
		case decided || err != nil:
			return n, nil
		}
	}
	return n, nil
}
