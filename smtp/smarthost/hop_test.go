package smarthost_test

import (
	"bufio"
	"crypto/tls"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// hop is a server with TLS. It accepts each message, and can fail on its first
// connection after the first message.
type hop struct {
	certificate tls.Certificate
	offers      string              // an extension that only the first connection has
	login       string              // the response to AUTH PLAIN that it accepts; empty: it offers no AUTH
	mail        string              // the reply to the second MAIL of the first connection; empty: 250
	after       func(conn net.Conn) // is called on the first connection after the first message
	ended       chan struct{}       // is closed when the first connection has ended
	handshakes  atomic.Int64

	mu       sync.Mutex
	messages []string
}

func newHop(w *world) *hop {
	return &hop{certificate: w.ca.ECDSA(w.t, "mx1.example.net", "mx1."+relayDomain), ended: make(chan struct{})}
}

func (h *hop) serve(l net.Listener) {
	var running sync.WaitGroup
	defer running.Wait()
	for first := true; ; first = false {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		running.Go(func() {
			defer func() { _ = conn.Close() }()
			_ = conn.SetDeadline(time.Now().Add(patience))
			h.talk(conn, &tls.Config{Certificates: []tls.Certificate{h.certificate}}, first)
			if first {
				close(h.ended)
			}
		})
	}
}

func (h *hop) talk(conn net.Conn, config *tls.Config, first bool) {
	received, sent := bufio.NewReader(conn), 0
	write := func(line string) { _, _ = io.WriteString(conn, line+"\r\n") }
	write("220 mx")
	for {
		line, err := received.ReadString('\n')
		if err != nil {
			return
		}
		switch verb := strings.ToUpper(line[:4]); {
		case verb == "EHLO" && h.login != "":
			write("250-mx\r\n250-AUTH PLAIN\r\n250 STARTTLS")
		case verb == "EHLO" && h.offers != "" && first:
			write("250-mx\r\n250-" + h.offers + "\r\n250 STARTTLS")
		case verb == "EHLO":
			write("250-mx\r\n250 STARTTLS")
		case verb == "STAR":
			write("220 go")
			t := tls.Server(conn, config)
			if t.Handshake() != nil {
				return
			}
			h.handshakes.Add(1)
			conn, received = t, bufio.NewReader(t)
		case verb == "AUTH" && strings.TrimSpace(line) != "AUTH PLAIN "+h.login:
			write("535 5.7.8 no")
		case verb == "AUTH":
			write("235 ok")
		case verb == "MAIL" && first && sent > 0 && h.mail != "":
			write(h.mail)
		case verb == "DATA":
			write("354 go")
			h.store(received)
			write("250 queued")
			if sent++; first && sent == 1 && h.after != nil {
				h.after(conn)
			}
		case verb == "QUIT":
			write("221 bye")
			return
		default:
			write("250 ok")
		}
	}
}

func (h *hop) store(received *bufio.Reader) {
	var text strings.Builder
	for {
		line, err := received.ReadString('\n')
		if err != nil {
			return
		}
		if line == ".\r\n" {
			break
		}
		text.WriteString(line)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.messages = append(h.messages, text.String())
}

func (h *hop) stored() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.messages)
}

// expect checks the numbers of messages and handshakes.
func (h *hop) expect(t *testing.T, messages, handshakes int) {
	t.Helper()
	if h.stored() != messages || int(h.handshakes.Load()) != handshakes {
		t.Errorf("%d messages with %d handshakes, want %d with %d", h.stored(), h.handshakes.Load(), messages, handshakes)
	}
}
