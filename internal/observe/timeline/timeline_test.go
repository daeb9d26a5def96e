package timeline

import (
	"crypto/tls"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/observe"
)

func total(parts []Counts) (all Counts) {
	for _, p := range parts {
		all.Add(p)
	}
	return all
}

// events sends one event of each kind.
func events(t *Timeline) {
	s := &observe.Session{Listener: &observe.Listener{Service: "imaps"}}
	t.Opened(s)
	t.HandshakeFailed(s, observe.Offer{}, errors.New("no"))
	t.Closed(s, observe.Summary{Received: 1})
	t.Closed(s, observe.Summary{Reason: gate.ClientGone}) // silent: not counted
	for _, version := range []uint16{tls.VersionTLS13, tls.VersionTLS12, tls.VersionTLS10} {
		s.TLS = &tls.ConnectionState{Version: version}
		t.TLSEstablished(s)
	}
	t.Login(s, "ann", "PLAIN", gate.Answer{Outcome: gate.WrongPassword})
	t.Login(s, "ann", "PLAIN", gate.Answer{Outcome: gate.Accepted})
	t.Denied(s, "ann", "PLAIN", nil)
	t.Closed(s, observe.Summary{})
}

var one = Counts{Sessions: 1, TLS13: 1, TLS12: 1, OldTLS: 1, Plaintext: 1, FailedHandshakes: 1, FailedLogins: 2}

// Events move to the past, part by part, and leave each span at its end.
func TestEventsAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		line := New()
		events(line)
		for i := range Spans() {
			parts := line.Parts(i, time.Now())
			if parts[len(parts)-1] != one {
				t.Errorf("span %d: %+v", i, parts[len(parts)-1])
			}
		}
		time.Sleep(59 * time.Minute)
		if parts := line.Parts(0, time.Now()); parts[0] != one {
			t.Errorf("after 59 minutes: %+v", parts[0])
		}
		time.Sleep(time.Minute)
		for i, want := range []Counts{{}, one, one} {
			if got := total(line.Parts(i, time.Now())); got != want {
				t.Errorf("after an hour, span %d: %+v", i, got)
			}
		}
		time.Sleep(7 * 24 * time.Hour)
		events(line) // in parts that have been used before
		for i := range Spans() {
			if got := total(line.Parts(i, time.Now())); got != one {
				t.Errorf("after a week, span %d: %+v", i, got)
			}
		}
	})
}

// The counts survive a restart, and age while the process does not run.
func TestFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "timeline.json")
	synctest.Test(t, func(t *testing.T) {
		before := New()
		if err := before.Load(file, time.Now()); err != nil {
			t.Error(err)
		}
		events(before)
		if err := before.Save(file); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Hour)
		after := New()
		if err := after.Load(file, time.Now()); err != nil {
			t.Fatal(err)
		}
		for i, want := range []Counts{{}, one, one} {
			if got := total(after.Parts(i, time.Now())); got != want {
				t.Errorf("span %d: %+v", i, got)
			}
		}
	})
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
}

// A file is written only if something has changed, and again if it could not be written.
func TestSaveNeedsAChange(t *testing.T) {
	folder := t.TempDir()
	file := filepath.Join(folder, "state", "timeline.json")
	line := New()
	written := func() bool {
		if err := line.Save(file); err != nil {
			t.Fatal(err)
		}
		return os.Remove(file) == nil
	}
	if written() {
		t.Error("the file is written without an event")
	}
	line.Denied(nil, "ann", "PLAIN", nil)
	if err := line.Save(filepath.Join(folder, "state")); err != nil { // a file in the place of the folder
		t.Fatal(err)
	}
	line.Denied(nil, "ann", "PLAIN", nil)
	if line.Save(file) == nil {
		t.Error("the file is written below a file")
	}
	if err := os.Remove(filepath.Join(folder, "state")); err != nil {
		t.Fatal(err)
	}
	if !written() || written() {
		t.Error("the file is not written once after an error")
	}
	text, err := line.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	if err := line.Restore(text, time.Now()); err != nil || !written() {
		t.Errorf("counts of another process are not written, %v", err)
	}
}

// A file that is damaged, too long, of another version or from the future changes
// nothing.
func TestBadFiles(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	for text, wrong := range map[string]bool{
		``: true, `{`: true, `[]`: true, `{"version":2}`: true, `{"version":1,"spans":[[{"start":-1}]]}`: false,
		`{"version":1,"spans":[[{"start":1800000060,"sessions":1},{"start":1799999999,"sessions":1},{"start":60,"sessions":1}],[],[],[{}]]}`: false,
		`{"version":1,"spans":null,"x":"` + strings.Repeat("x", maxFile) + `"}`:                                                              true,
	} {
		file := filepath.Join(t.TempDir(), "timeline.json")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		line := New()
		if err := line.Load(file, now); (err != nil) != wrong {
			t.Errorf("%.60s: %v", text, err)
		}
		if got := total(line.Parts(0, now)); got != (Counts{}) {
			t.Errorf("%.60s: %+v", text, got)
		}
	}
}
