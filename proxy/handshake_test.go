package proxy

import (
	"crypto/tls"
	"net"
	"testing"
)

// Clients that begin a handshake and fall silent keep no turn.
func TestSlowHandshakesDelayNoOther(t *testing.T) {
	t.Parallel()
	hello := captureHello(t)
	w := newWorld(t, func(s *setup) { s.Limits.Handshakes = 1 })
	for i := range 200 {
		c := w.dial()
		c.expect("hello")
		c.send("STARTTLS")
		c.expect("go")
		if _, err := c.Conn.Write(hello[:i%len(hello)]); err != nil {
			t.Fatal(err)
		}
	}
	for range 20 {
		c := w.dial()
		c.expect("hello")
		c.send("STARTTLS")
		c.expect("go")
		secure := tls.Client(c.Conn, &tls.Config{InsecureSkipVerify: true})
		if err := secure.Handshake(); err != nil {
			t.Fatal(err)
		}
		_ = secure.Close()
	}
}

// captureHello returns the bytes of a ClientHello.
func captureHello(t *testing.T) []byte {
	t.Helper()
	ours, theirs := net.Pipe()
	go func() { _ = tls.Client(theirs, &tls.Config{InsecureSkipVerify: true}).Handshake() }()
	hello := make([]byte, 16<<10)
	n, err := ours.Read(hello)
	_, _ = ours.Close(), theirs.Close()
	if err != nil {
		t.Fatal(err)
	}
	return hello[:n]
}
