package web

import (
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/letterlock/letterlock/internal/test/loopback"
	"github.com/letterlock/letterlock/internal/test/wait"
)

const request = "GET / HTTP/1.1\r\nHost: " + name + "\r\n\r\n"

// openings are the bytes that a client sends, in plaintext or on a listener
// with TLS, before it falls silent.
var openings = []struct {
	secure     bool
	what, send string
}{
	{false, "nothing", ""},
	{false, "half a header", "GET / HTTP/1.1\r\nHost: " + name + "\r\nX-A: b"},
	{false, "a request", request},
	{false, "half a body", "POST / HTTP/1.1\r\nHost: " + name + "\r\nContent-Length: 1000\r\n\r\nhalf"},
	{true, "nothing", ""},
	{true, "half a handshake", "\x16\x03\x01\x02\x00\x01\x00"},
}

// A client can hold only its share of the connections, whatever it has sent. Neither
// other clients nor its own new connections are refused.
func TestH7_ShareOfAClient(t *testing.T) {
	for _, o := range openings {
		t.Run(fmt.Sprintf("TLS %t, %s", o.secure, o.what), func(t *testing.T) {
			w := newWorld(t, o.secure)
			loopback.Hold(t, w.Addr().String(), "127.0.0.2", usual.Connections-10, o.send)
			w.wantServed("127.0.0.1")
			w.wantLog("connections were closed to make room", "last=127.0.0.2")
			w.wantServed("127.0.0.2")
		})
	}
}

// Connections of clients that together take all slots make room.
func TestH7_ManyClients(t *testing.T) {
	for _, secure := range []bool{false, true} {
		w := newWorld(t, secure)
		for i := range 20 {
			loopback.Hold(t, w.Addr().String(), fmt.Sprintf("127.0.%d.2", i), usual.PerClient, "")
		}
		for range 3 {
			w.wantServed("127.1.0.1")
		}
		w.wantLog("connections were closed to make room")
		if lines := strings.Count(w.log.String(), "\n"); lines > 2 {
			t.Errorf("the log has %d lines", lines)
		}
	}
}

// A client that does not read its answer keeps its connection only for the
// patience.
func TestH7_AnswersThatAreNotRead(t *testing.T) {
	w := newWorld(t, false)
	w.SetLimits(Limits{Connections: 4, PerClient: 2})
	for i := range 4 {
		dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, byte(2+i/2))}}
		conn, err := dialer.Dial("tcp", w.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		_ = conn.(*net.TCPConn).SetReadBuffer(1024)
		if _, err := io.WriteString(conn, strings.Repeat("GET /long HTTP/1.1\r\nHost: "+name+"\r\n\r\n", 20)); err != nil {
			t.Fatal(err)
		}
	}
	begun := time.Now()
	wait.Until(t, "nobody else is served", func() bool { return w.get("127.0.0.9") == nil })
	if took := time.Since(begun); took >= answerTimeout {
		t.Errorf("others waited for %s", took)
	}
}

// A client that has closed its half of the connection gets its answer, and then
// the end of the connection.
func TestH7_HalfClosed(t *testing.T) {
	w := newWorld(t, false)
	for send, want := range map[string]string{request: "hello", "": "", request[:20]: "400 Bad Request"} {
		conn, err := net.Dial("tcp", w.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(conn, send)
		_ = conn.(*net.TCPConn).CloseWrite()
		answer, err := io.ReadAll(conn)
		if err != nil || !strings.Contains(string(answer), want) {
			t.Errorf("%q is answered %q, %v", send, answer, err)
		}
		_ = conn.Close()
	}
}
