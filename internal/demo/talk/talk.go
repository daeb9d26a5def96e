package talk

import (
	"bufio"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/letterlock/letterlock/internal/test/loopback"
)

// patience bounds a conversation. It is far longer than a working server needs.
const patience = 10 * time.Second

// Serve runs serve on one end of a loopback connection and returns the other.
// When the test ends, serve must return.
func Serve(t testing.TB, serve func(net.Conn)) net.Conn {
	t.Helper()
	l := loopback.Listen(t)
	conn := Dial(t, l.Addr().String())
	served, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		serve(served)
	}()
	t.Cleanup(func() {
		_ = conn.Close()
		select {
		case <-done:
		case <-time.After(patience):
			t.Error("the server has not returned after its client disconnected")
		}
	})
	return conn
}

// Dial connects to a server until the test ends.
func Dial(t testing.TB, address string) net.Conn {
	t.Helper()
	conn, err := net.DialTimeout("tcp", address, patience)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// Run runs a script. Each line is one step; indentation and empty lines are
// ignored.
//
//	C: text   the client sends the line
//	C| text   the client sends a Go string without its quotes, and no more
//	S: text   the server sends this line; a last * stands for any ending
//	S! close  the server closes the connection
func Run(t testing.TB, conn net.Conn, script string) {
	t.Helper()
	_ = conn.SetDeadline(time.Now().Add(patience))
	r := bufio.NewReader(conn)
	for step := range strings.Lines(script) {
		step = strings.Trim(step, "\t\r\n")
		if step == "" {
			continue
		}
		who, text := step[:2], strings.TrimPrefix(step[2:], " ")
		switch who {
		case "C:":
			send(t, conn, text+"\r\n")
		case "C|":
			send(t, conn, unescape(t, text))
		case "S:":
			expect(t, r, text)
		case "S!":
			if line, err := r.ReadString('\n'); err == nil {
				t.Fatalf("want the end, got %q", line)
			}
		default:
			t.Fatalf("not a step: %q", step)
		}
	}
}

func unescape(t testing.TB, text string) string {
	t.Helper()
	var raw []byte
	for text != "" {
		r, multibyte, rest, err := strconv.UnquoteChar(text, 0)
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		if multibyte {
			raw = utf8.AppendRune(raw, r)
		} else {
			raw = append(raw, byte(r))
		}
		text = rest
	}
	return string(raw)
}

func send(t testing.TB, conn net.Conn, text string) {
	t.Helper()
	if _, err := conn.Write([]byte(text)); err != nil {
		t.Fatalf("sending %q: %v", text, err)
	}
}

func expect(t testing.TB, r *bufio.Reader, want string) {
	t.Helper()
	got, err := r.ReadString('\n')
	if err != nil {
		t.Fatalf("want %q, got %q and %v", want, got, err)
	}
	line, strict := strings.CutSuffix(got, "\r\n")
	beginning, open := strings.CutSuffix(want, "*")
	if !strict || (line != want && (!open || !strings.HasPrefix(line, beginning))) {
		t.Fatalf("want %q, got %q", want, got)
	}
}
