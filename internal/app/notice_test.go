package app

import (
	"bufio"
	"context"
	"crypto/tls"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/letterlock/letterlock/configs"
)

const notifying = imaps + "probe: false\nnotify: {policy: modern, text: Please update.}\n"

// alerted logs in and returns whether the client gets the notice, which must follow
// the reply to the login.
func (w *world) alerted(change func(*tls.Config)) bool {
	w.Helper()
	client, err := w.dial(0, change)
	if err != nil {
		w.Fatal(err)
	}
	if _, err := io.WriteString(client, "a LOGIN demo demo\r\nb NOOP\r\nc LOGOUT\r\n"); err != nil {
		w.Fatal(err)
	}
	var all []string
	for lines := bufio.NewScanner(client); lines.Scan(); {
		all = append(all, lines.Text())
	}
	for i, line := range all {
		if strings.HasPrefix(line, "* OK [ALERT]") {
			if line != "* OK [ALERT] Please update." || !strings.HasPrefix(all[i-1], "a OK") {
				w.Errorf("%q after %q", line, all[i-1])
			}
			return true
		}
	}
	return false
}

func old(c *tls.Config) { c.MaxVersion = tls.VersionTLS12 }

// A client that the policy would refuse gets one notice a day, also after a restart.
// Other clients get none.
func TestNotices(t *testing.T) {
	t.Parallel()
	w := newWorld(t, notifying)
	if w.alerted(nil) {
		t.Error("a client with TLS 1.3 gets a notice")
	}
	if !w.alerted(old) {
		t.Error("a client with TLS 1.2 gets no notice")
	}
	if w.alerted(old) {
		t.Error("the client gets a second notice")
	}
	if n := w.options.notices.Count(); n != 1 || !strings.Contains(w.log.String(), `reason=version`) {
		t.Errorf("%d notices, %s", n, w.log)
	}
	w.saveNotices()
	c, err := configs.Load(filepath.Join(w.folder, "letterlock.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	next, err := New(c, Options{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	if err := next.Open(context.Background()); err != nil {
		t.Fatal(err)
	}
	defer next.Shutdown(t.Context())
	again := *w
	again.Proxy = next
	next.Serve()
	if again.alerted(old) {
		t.Error("the client gets a second notice after a restart")
	}
}

// Without notify nobody gets a notice, and no file is written.
func TestNoNotices(t *testing.T) {
	t.Parallel()
	w := newWorld(t, imaps+"probe: false\n")
	if w.alerted(old) {
		t.Error("a client gets a notice")
	}
	w.saveNotices()
	if _, err := os.Stat(filepath.Join(w.folder, "state", "notices.json")); err == nil {
		t.Error("a file is written")
	}
}
