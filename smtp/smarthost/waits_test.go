package smarthost_test

import (
	"bufio"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/letterlock/letterlock/internal/test/wait"
)

// dribbling is a server that follows a script, and then sends one more line of
// the same reply again and again; with an empty line it sends nothing.
func dribbling(line string, script ...string) func(net.Listener) {
	return func(l net.Listener) {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = conn.Close() }()
				received := bufio.NewReader(conn)
				for _, reply := range script {
					if _, err := io.WriteString(conn, reply+"\r\n"); err != nil {
						return
					}
					if _, err := received.ReadString('\n'); err != nil {
						return
					}
				}
				go func() {
					_, _ = io.Copy(io.Discard, received)
					_ = conn.Close()
				}()
				for {
					if _, err := io.WriteString(conn, line); err != nil {
						return
					}
					time.Sleep(5 * time.Millisecond) // the pace of the server
				}
			}()
		}
	}
}

// H2: a server that never ends a reply, or sends nothing, is abandoned after
// the time for one reply. The message stays in the client's queue, and the
// session goes on.
func TestH2_NextHopsThatNeverEnd(t *testing.T) {
	for name, serve := range map[string]func(net.Listener){
		"greeting":         dribbling("220-x\r\n"),
		"silence":          dribbling(""),
		"EHLO":             dribbling("250-x\r\n", "220 mx"),
		"MAIL":             dribbling("250-x\r\n", "220 mx", "250 mx"),
		"RCPT":             dribbling("250-x\r\n", "220 mx", "250 mx", "250 ok"),
		"half a line":      dribbling("2", "220 mx"),
		"silence at RCPT":  dribbling("", "220 mx", "250 mx", "250 ok"),
		"refusal dribbled": dribbling("550-x\r\n", "220 mx", "250 mx", "250 ok"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.setWait(300 * time.Millisecond)
			w.domain("example.net", may, serve)
			c := w.session()
			c.command("MAIL FROM:<a@example.com>", "250")
			c.command("RCPT TO:<b@example.net>", "45")
			c.command("RSET", "250")
			c.command("NOOP", "250")
		})
	}
	for name, serve := range map[string]func(net.Listener){
		"DATA":    dribbling("354-x\r\n", "220 mx", "250 mx", "250 ok", "250 ok"),
		"verdict": dribbling("250-x\r\n", "220 mx", "250 mx", "250 ok", "250 ok", "354 go"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.setWait(5 * time.Second) // also for the replies before the last one
			w.domain("example.net", may, serve)
			c := w.session()
			c.command("MAIL FROM:<a@example.com>", "250")
			c.command("RCPT TO:<b@example.net>", "250")
			if _, err := io.WriteString(c.Conn, "DATA\r\n"); err != nil {
				t.Fatal(err)
			}
			line, err := c.received.ReadString('\n')
			if err == nil && strings.HasPrefix(line, "354") {
				c.command("text\r\n.", "451")
			} else if err != nil || !strings.HasPrefix(line, "451") {
				t.Errorf("received %q, %v", line, err)
			}
			c.command("NOOP", "250")
		})
	}
}

// H2: when the client disconnects, the search for a server ends, and the
// session with the server too.
func TestH2_SearchesEndWithTheirClients(t *testing.T) {
	for name, serve := range map[string]func(net.Listener){
		"greeting": dribbling(""),
		"RCPT":     dribbling("", "220 mx", "250 mx", "250 ok"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.setWait(time.Hour)
			w.domain("example.net", may, serve)
			c := w.session()
			c.command("MAIL FROM:<a@example.com>", "250")
			if _, err := io.WriteString(c.Conn, "RCPT TO:<b@example.net>\r\n"); err != nil {
				t.Fatal(err)
			}
			_ = c.Close()
			wait.Until(t, "the session has not ended", func() bool { return w.proxy.Server().Sessions() == 0 })
		})
	}
}
