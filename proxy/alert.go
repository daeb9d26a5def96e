package proxy

import (
	"crypto/tls"
	"errors"
	"net"
)

// tail is the last of what a client has sent in its handshake, as long as an
// alert: the record's header, the level and the code (RFC 8446 §6).
type tail [7]byte

func (t *tail) add(p []byte) {
	if len(p) >= len(t) {
		copy(t[:], p[len(p)-len(t):])
		return
	}
	copy(t[:], t[len(p):])
	copy(t[len(t)-len(p):], p)
}

// explain finds the client's own words in the error of a handshake. OpenSSL,
// when it does not like a certificate in TLS 1.3, says so in clear, as it has
// not come to its keys yet; crypto/tls expects them and finds a bad record.
func (t tail) explain(err error) error {
	local, ok := errors.AsType[*net.OpError](err)
	if !ok || local.Op != "local error" {
		return err
	}
	const alert, fatal = 21, 2
	if t[0] != alert || t[1] != 3 || t[3] != 0 || t[4] != 2 || t[5] != fatal {
		return err
	}
	return &net.OpError{Op: "remote error", Err: tls.AlertError(t[6])}
}
