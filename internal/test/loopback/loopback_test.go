package loopback

import (
	"errors"
	"io"
	"net"
	"testing"
)

func TestServerAndClients(t *testing.T) {
	var address string
	t.Run("while it runs", func(t *testing.T) {
		l := Listen(t)
		address = l.Addr().String()
		Serve(l, func(conn net.Conn) { _, _ = io.WriteString(conn, "hello") })
		clients := RunClients(t, 3, func() error { return greeted(address) })
		for clients.Sessions() < 10 {
			if err := greeted(address); err != nil {
				t.Fatal(err)
			}
		}
		if sessions := clients.Stop(); sessions < 10 || sessions != clients.Sessions() {
			t.Errorf("%d sessions, and then %d", sessions, clients.Sessions())
		}
	})
	if err := greeted(address); err == nil {
		t.Error("the listener is open after its test")
	}
}

// greeted reads the greeting, and then expects the end of the connection.
func greeted(address string) error {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	said, err := io.ReadAll(conn)
	if err == nil && string(said) != "hello" {
		err = errors.New(string(said))
	}
	return err
}

// An address is given once while its test runs, although no server listens yet.
func TestFreeAddressIsHeld(t *testing.T) {
	address := FreeAddress(t)
	if hold, err := net.ListenPacket("udp", address); err == nil {
		_ = hold.Close()
		t.Error("the port is not held")
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Close()
}
