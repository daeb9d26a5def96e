package loopback

import (
	"errors"
	"io"
	"net"
	"testing"
)

func TestServerAndVisitors(t *testing.T) {
	var address string
	t.Run("while it runs", func(t *testing.T) {
		l := Listen(t)
		address = l.Addr().String()
		Serve(l, func(conn net.Conn) { _, _ = io.WriteString(conn, "hello") })
		visitors := Invite(t, 3, func() error { return greeted(address) })
		for visitors.Visits() < 10 {
			if err := greeted(address); err != nil {
				t.Fatal(err)
			}
		}
		if visits := visitors.SendHome(); visits < 10 || visits != visitors.Visits() {
			t.Errorf("%d visits, and then %d", visits, visitors.Visits())
		}
	})
	if err := greeted(address); err == nil {
		t.Error("the listener has outlived its test")
	}
}

// greeted hears the greeting, and the end behind it.
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
