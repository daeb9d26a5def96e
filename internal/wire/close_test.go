package wire

import (
	"crypto/tls"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/letterlock/letterlock/internal/test/authority"
)

// The last reply must arrive although the peer is still sending.
func TestCloseLingers(t *testing.T) {
	c, peer := pair(t, generous)
	send(t, peer, strings.Repeat("noise", 1000))
	c.Print("goodbye\r\n")
	go func() { _ = c.Close() }()
	got, err := io.ReadAll(peer)
	if err != nil || string(got) != "goodbye\r\n" {
		t.Fatalf("%q, %v", got, err)
	}
}

// A peer that has closed its half receives the last reply, and Close does not
// wait for it.
func TestCloseAfterTheEnd(t *testing.T) {
	c, peer := pair(t, generous)
	if err := peer.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if line, err := c.ReadLine(); err != io.EOF {
		t.Fatalf("%q, %v", line, err)
	}
	below := &halves{Conn: c.raw}
	c.raw, c.conn = below, below
	c.Print("goodbye\r\n")
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(peer)
	if err != nil || string(got) != "goodbye\r\n" {
		t.Fatalf("%q, %v", got, err)
	}
	if below.closed > 0 {
		t.Error("our half was closed before the socket")
	}
}

// halves counts how often only one half of the socket is closed.
type halves struct {
	net.Conn
	closed int
}

func (h *halves) CloseWrite() error {
	h.closed++
	return h.Conn.(interface{ CloseWrite() error }).CloseWrite()
}

// inTLS returns a Conn in TLS 1.2, where alerts can be recognised from outside, the
// client, and the socket under it.
func inTLS(t *testing.T) (*Conn, *tls.Conn, net.Conn) {
	t.Helper()
	ca := authority.New(t)
	cert := ca.ECDSA(t, "mail.example.com")
	c, peer := pair(t, generous)
	c.Handshake = func(conn net.Conn) (*tls.Conn, error) {
		s := tls.Server(conn, &tls.Config{Certificates: []tls.Certificate{cert}, MaxVersion: tls.VersionTLS12})
		return s, s.Handshake()
	}
	client := tls.Client(peer, &tls.Config{RootCAs: ca.Pool, ServerName: "mail.example.com"})
	done := make(chan error, 1)
	go func() { done <- client.Handshake() }()
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	return c, client, peer
}

// alert is the type of TLS records that hold alerts (RFC 8446 §5.1).
const alert = 21

// alerts counts the alerts in the server's output.
func alerts(t *testing.T, peer net.Conn) int {
	t.Helper()
	said, err := io.ReadAll(peer)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for len(said) >= 5 {
		if said[0] == alert {
			n++
		}
		said = said[min(len(said), 5+int(said[3])<<8+int(said[4])):]
	}
	return n
}

func TestCloseSendsCloseNotify(t *testing.T) {
	c, _, peer := inTLS(t)
	go func() { _ = c.Close() }()
	if n := alerts(t, peer); n != 1 {
		t.Errorf("%d alerts, want the close_notify", n)
	}
}

func TestCloseAfterFatalAlert(t *testing.T) {
	damaged := "\x17\x03\x03\x00\x20" + strings.Repeat("x", 32) // a record that is not encrypted
	t.Run("read by us", func(t *testing.T) {
		c, _, peer := inTLS(t)
		send(t, peer, damaged)
		if line, err := c.ReadLine(); err == nil {
			t.Fatalf("read %q", line)
		}
		go func() { _ = c.Close() }()
		if n := alerts(t, peer); n != 1 {
			t.Errorf("%d alerts, want only the fatal one", n)
		}
	})
	t.Run("read by a relay", func(t *testing.T) {
		c, _, peer := inTLS(t)
		conn, _, err := c.Detach()
		if err != nil {
			t.Fatal(err)
		}
		send(t, peer, damaged)
		_, err = conn.Read(make([]byte, 1))
		c.Heed(err)
		go func() { _ = c.Close() }()
		if n := alerts(t, peer); n != 1 {
			t.Errorf("%d alerts, want only the fatal one", n)
		}
	})
}
