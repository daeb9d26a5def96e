package app

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/letterlock/letterlock/configs"
	"github.com/letterlock/letterlock/internal/test/loopback"
)

// relay is an SMTP server that accepts mail to all addresses, with or without a
// PROXY header.
type relay struct {
	net.Listener
	sessions atomic.Int64
}

func newRelay(t *testing.T) *relay {
	t.Helper()
	r := &relay{Listener: loopback.Listen(t)}
	loopback.Serve(r.Listener, r.serve)
	return r
}

func (r *relay) serve(conn net.Conn) {
	r.sessions.Add(1)
	_, _ = io.WriteString(conn, "220 relay\r\n")
	for lines := bufio.NewScanner(conn); lines.Scan(); {
		switch verb, _, _ := strings.Cut(lines.Text(), " "); verb {
		case "PROXY":
		case "QUIT":
			_, _ = io.WriteString(conn, "221 bye\r\n")
			return
		default:
			_, _ = io.WriteString(conn, "250 ok\r\n")
		}
	}
}

func TestProbeFirst(t *testing.T) {
	t.Parallel()
	backend, down := newRelay(t), newRelay(t)
	_ = down.Close()
	for name, c := range map[string]struct {
		top, keys string
		backend   *relay
		fails     bool
		log       string
	}{
		"it decides":         {"", "handover: proxy-v1", backend, true, "OPEN RELAY"},
		"it may":             {"", "allow_open_relay: true", backend, false, "OPEN RELAY"},
		"we decide":          {"", "recipients: [example.com]", backend, false, "only because the proxy knows the recipients"},
		"down":               {"", "handover: proxy-v1", down, false, "backend was not probed to the end"},
		"probe: false":       {"probe: false\n", "handover: proxy-v1", backend, false, ""},
		"its address counts": {"", "handover: tproxy", backend, false, "own address"},
	} {
		t.Run(name, func(t *testing.T) {
			config := mustConfig(t, c.top+"hostname: mail.example.com\nlisteners:\n"+
				"  - {service: smtp, listen: '{host}:0', backend: '"+c.backend.Addr().String()+"', "+c.keys+"}\n"+
				"  - {service: smtp, listen: '127.0.0.2:0', backend: '"+c.backend.Addr().String()+"', "+c.keys+"}\n")
			g, err := rehearsed(config, newMaintenance(slog.New(slog.DiscardHandler)))
			if err != nil {
				t.Fatal(err)
			}
			var log bytes.Buffer
			before := c.backend.sessions.Load()
			logger := slog.New(slog.NewTextHandler(&log, nil))
			if err = g.probeFirst(t.Context(), logger); err == nil {
				g.probeRest(t.Context(), logger)
			}
			if c.fails != errors.Is(err, ErrDanger) {
				t.Errorf("%v\n%s", err, log.String())
			}
			if !strings.Contains(log.String(), c.log) || c.log == "" && log.Len() > 0 {
				t.Errorf("unexpected log:\n%s", log.String())
			}
			if n := c.backend.sessions.Load() - before; n > 1 {
				t.Errorf("the backend had %d sessions", n)
			}
		})
	}
}

func mustConfig(t *testing.T, text string) *configs.Config {
	t.Helper()
	path := filepath.Join(t.TempDir(), "letterlock.yaml")
	if err := os.WriteFile(path, []byte(strings.ReplaceAll(text, "{host}", loopback.Host())), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := configs.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	return c
}
