package web

import (
	"crypto/tls"
	"log/slog"
	"net"
	"strings"
	"testing"

	"github.com/letterlock/letterlock/internal/test/loopback"
	"github.com/letterlock/letterlock/internal/test/wait"
)

// If its socket fails, the server logs the error, and can still be closed.
func TestServerLogsFailure(t *testing.T) {
	w := newWorld(t, false)
	_ = w.listener.Close()
	wait.Until(t, "the log says nothing", func() bool {
		return strings.Contains(w.log.String(), `level=ERROR msg="test: the listener has failed"`)
	})
}

// A server on which Serve was not called closes its socket too.
func TestCloseWithoutServe(t *testing.T) {
	socket := loopback.Listen(t)
	s := New(socket, Options{Name: "test", Handler: answers(), Limits: usual, Log: slog.New(slog.DiscardHandler)})
	_ = s.Shutdown()
	if conn, err := net.Dial("tcp", socket.Addr().String()); err == nil {
		_ = conn.Close()
		t.Error("the socket is open")
	}
}

// The server speaks only HTTP/1, because a connection of HTTP/2 has many
// requests.
func TestOnlyHTTP1(t *testing.T) {
	w := newWorld(t, true)
	w.client.NextProtos = []string{"h2", "http/1.1"}
	conn, err := tls.Dial("tcp", w.Addr().String(), w.client)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if got := conn.ConnectionState().NegotiatedProtocol; got != "http/1.1" {
		t.Errorf("%q is spoken", got)
	}
}
