package app

import (
	"crypto/tls"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/letterlock/letterlock/internal/observe/timeline"
	"github.com/letterlock/letterlock/internal/test/wait"
)

// The drawings survive a restart. A process that was replaced writes no more.
func TestTimelineIsKept(t *testing.T) {
	t.Parallel()
	w := newWorld(t, imaps+"probe: false\n")
	if _, err := w.dial(0, nil); err != nil {
		t.Fatal(err)
	}
	wait.Until(t, "no handshake is counted", func() bool { return w.status().Sessions.Handshakes == 1 })
	w.saveTimeline()
	again := timeline.New()
	if err := again.Load(filepath.Join(w.folder, "state", "timeline.json"), time.Now()); err != nil {
		t.Fatal(err)
	}
	var all timeline.Counts
	for _, c := range again.Parts(2, time.Now()) {
		all.Add(c)
	}
	if all.Sessions != 1 || all.TLS13 != 1 {
		t.Errorf("%+v", all)
	}
	w.replaced.Store(true)
	if _, err := w.dial(0, nil); err != nil {
		t.Fatal(err)
	}
	wait.Until(t, "no handshake is counted", func() bool { return w.status().Sessions.Handshakes == 2 })
	if err := os.Remove(filepath.Join(w.folder, "state", "timeline.json")); err != nil {
		t.Fatal(err)
	}
	w.saveTimeline()
	if _, err := os.Stat(filepath.Join(w.folder, "state", "timeline.json")); err == nil {
		t.Error("a replaced process has written the file")
	}
}

// The page answers what if, by the inventory.
func TestWhatIfOnThePage(t *testing.T) {
	t.Parallel()
	w := newWorld(t, guardedPage, administrators)
	old, err := w.dial(0, func(c *tls.Config) { c.MaxVersion = tls.VersionTLS12 })
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(old, "a LOGIN demo demo\r\n"); err != nil {
		t.Fatal(err)
	}
	b := w.browser(nil)
	wait.Until(t, "the client is not listed", func() bool {
		_, body := b.ask("GET", "/whatif?policy=modern", "ann", pagePassword)
		return strings.Contains(body, "modern would refuse 1 of 1") && strings.Contains(body, "<bdi>demo</bdi>")
	})
	b.expect("GET", "/whatif?policy=%3Cscript%3E", "ann", pagePassword, 200, "<option>opportunistic-wide</option>")
}
