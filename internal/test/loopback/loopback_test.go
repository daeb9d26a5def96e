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

// An address is given once while its test runs, although no server listens yet, or
// no longer.
func TestAddressIsHeld(t *testing.T) {
	t.Parallel()
	listened := Listen(t)
	_ = listened.Close()
	for _, address := range []string{FreeAddress(t), listened.Addr().String()} {
		if hold, err := net.ListenPacket("udp", address); err == nil {
			_ = hold.Close()
			t.Errorf("%s is not held", address)
		}
		if conn, err := net.Dial("tcp", address); err == nil {
			_ = conn.Close()
			t.Errorf("%s accepts connections", address)
		}
		l, err := net.Listen("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		_ = l.Close()
	}
}

// A port that is in use is left out, and one that was released is used again.
func TestPortsComeRound(t *testing.T) {
	held := map[int]bool{FreePort(t): true, FreePort(t): true}
	first := 0
	for range ports {
		port, hold, err := ReservePort()
		if err != nil {
			t.Fatal(err)
		}
		_ = hold.Close()
		switch {
		case held[port]:
			t.Fatalf("%d is given twice", port)
		case port == first:
			return
		case first == 0:
			first = port
		}
	}
	t.Error("no port is used again")
}

// A server sees its clients at 127.0.0.1, whatever its own address is.
func TestClientAddress(t *testing.T) {
	t.Parallel()
	l := Listen(t)
	from := make(chan string, 1)
	Serve(l, func(conn net.Conn) {
		client, _, _ := net.SplitHostPort(conn.RemoteAddr().String())
		from <- client
	})
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if got := <-from; got != "127.0.0.1" {
		t.Error(got)
	}
}
