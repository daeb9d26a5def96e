package days

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/letterlock/letterlock/internal/tlsreport"
)

// clock is a time that a test sets.
type clock struct{ time.Time }

func (c *clock) now() time.Time { return c.Time }

func at(text string) *clock {
	t, err := time.Parse(time.DateTime, text)
	if err != nil {
		panic(err)
	}
	return &clock{t}
}

var errTLS = errors.New("handshake failure")

func session(domain string, err error) tlsreport.Session {
	return tlsreport.Session{
		Domain: domain, Policy: tlsreport.Policy{Kind: tlsreport.NoPolicy, Domain: domain},
		Server: tlsreport.Server{Host: "mx." + domain, IP: "192.0.2.1"}, Sender: "198.51.100.1", Err: err,
	}
}

func addAll(t *testing.T, s *Store, sessions ...tlsreport.Session) {
	t.Helper()
	for _, session := range sessions {
		if err := s.Add(context.Background(), session, ""); err != nil {
			t.Fatal(err)
		}
	}
}

func flush(t *testing.T, s *Store) {
	t.Helper()
	if err := s.Flush(); err != nil {
		t.Fatal(err)
	}
}

func due(t *testing.T, s *Store) []Due {
	t.Helper()
	all, err := s.Due(100)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// A restart in the middle of a day loses nothing, and each result counts for its day.
func TestDayOverRestart(t *testing.T) {
	file, c := filepath.Join(t.TempDir(), "state", "tlsrpt.db"), at("2026-11-28 10:00:00")
	s := New(file, "mail.example.com", c.now)
	addAll(t, s, session("a.example", nil), session("a.example", errTLS), session("b.example", nil))
	flush(t, s)
	s = New(file, "mail.example.com", c.now)
	addAll(t, s, session("a.example", errTLS), session("a.example", errors.New("another")))
	c.Time = at("2026-11-29 00:00:10").Time
	addAll(t, s, session("a.example", nil))
	flush(t, s)
	info, err := os.Stat(file)
	if err != nil || info.Mode() != 0o600 {
		t.Error(info.Mode(), err)
	}
	c.Time = at("2026-11-29 06:00:00").Time
	all := due(t, s)
	if len(all) != 2 || all[0].Domain != "a.example" || !all[0].Day.Equal(at("2026-11-28 00:00:00").Time) {
		t.Fatalf("%+v", all)
	}
	got := fmt.Sprintf("%+v", all[0].Results)
	want := "[{Policy:{Type:no-policy-found Lines:[] Domain:a.example MX:[]} Summary:{Successful:1 Failed:3} Failures:[" +
		"{Type:validation-failure Sender:198.51.100.1 Host:mx.a.example IP:192.0.2.1 Count:2 Reason:handshake failure} " +
		"{Type:validation-failure Sender:198.51.100.1 Host:mx.a.example IP:192.0.2.1 Count:1 Reason:another}]}]"
	if got != want {
		t.Errorf("%s\nnot\n%s", got, want)
	}
}

// A report is due at its own time on the next day, and then ever less often, until 24
// hours have passed. No other process gets the same attempt.
func TestAttempts(t *testing.T) {
	file, c := filepath.Join(t.TempDir(), "tlsrpt.db"), at("2026-11-28 10:00:00")
	s, other := New(file, "mail.example.com", c.now), New(file, "mail.example.com", c.now)
	addAll(t, s, session("a.example", nil))
	flush(t, s)
	var attempts []time.Time
	var last Due
	for end := c.AddDate(0, 0, 3); c.Before(end); c.Time = c.Add(time.Minute) {
		all := append(due(t, s), due(t, other)...)
		if len(all) > 1 {
			t.Fatalf("%+v", all)
		}
		for _, d := range all {
			if attempts, last = append(attempts, c.Time), d; d.Attempt != len(attempts) {
				t.Fatalf("%+v", d)
			}
			if d.Last {
				if err := s.Done(d); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	if len(attempts) != 8 || !last.Last {
		t.Fatalf("%v", attempts)
	}
	if first := attempts[0].Sub(at("2026-11-29 00:00:00").Time); first < startTime || first > startTime+spreadTime+time.Minute {
		t.Errorf("the first attempt is %v after the day", first)
	}
	if took := attempts[7].Sub(attempts[0]); took > giveUpTime || attempts[1].Sub(attempts[0]) != retryTime {
		t.Errorf("the attempts take %v: %v", took, attempts)
	}
}

// The reports of a day are spread, and those of another sender have other times.
func TestSpread(t *testing.T) {
	seen := map[time.Duration]bool{}
	for i := range 100 {
		for _, sender := range []string{"a.example", "b.example"} {
			b := bucket{day: at("2026-11-28 00:00:00").Time, sender: sender}
			seen[b.spread(fmt.Sprintf("%d.example", i)).Truncate(time.Minute)] = true
		}
	}
	if len(seen) < 100 {
		t.Errorf("%d different times", len(seen))
	}
}

// Results that could not be reported, because the proxy did not run, are removed.
func TestOldDays(t *testing.T) {
	c := at("2026-11-28 10:00:00")
	s := New(filepath.Join(t.TempDir(), "tlsrpt.db"), "", c.now)
	addAll(t, s, session("a.example", nil))
	flush(t, s)
	c.Time = at("2026-12-01 00:01:00").Time
	if all := due(t, s); len(all) != 0 {
		t.Errorf("%+v", all)
	}
}

// While the file cannot be written, the results stay in memory, within their bounds.
func TestFileFails(t *testing.T) {
	folder, c := filepath.Join(t.TempDir(), "state"), at("2026-11-28 10:00:00")
	if err := os.WriteFile(folder, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s := New(filepath.Join(folder, "tlsrpt.db"), "", c.now)
	for i := range 3 {
		addAll(t, s, session("a.example", nil), session(fmt.Sprintf("%d.example", i), errTLS))
		if err := s.Flush(); err == nil {
			t.Fatal("it is written to a file")
		}
	}
	if err := os.Remove(folder); err != nil {
		t.Fatal(err)
	}
	flush(t, s)
	c.Time = at("2026-11-29 06:00:00").Time
	all := due(t, s)
	if len(all) != 4 || all[3].Domain != "a.example" || all[3].Results[0].Summary.Successful != 3 {
		t.Errorf("%+v", all)
	}
}

// A damaged file is replaced.
func TestDamagedFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "tlsrpt.db")
	if err := os.WriteFile(file, []byte(strings.Repeat("x", 100_000)), 0o600); err != nil {
		t.Fatal(err)
	}
	s := New(file, "", at("2026-11-28 10:00:00").now)
	addAll(t, s, session("a.example", nil))
	if err := s.Flush(); err == nil {
		t.Error("the damage is not reported")
	}
	flush(t, s)
}

// Hostile domains cannot fill memory or the file: the texts, the policies and the kinds
// of failures of a domain are bounded, and the domains of a day. Sessions count beyond
// the bound of kinds.
func TestH26_Bounds(t *testing.T) {
	c := at("2026-11-28 10:00:00")
	s := New(filepath.Join(t.TempDir(), "tlsrpt.db"), "", c.now)
	for i := range 200 {
		addAll(t, s, session("a.example", fmt.Errorf("failure %d", i)))
	}
	full := 0
	for i := range 30 {
		many := session("b.example", nil)
		many.Policy = tlsreport.Policy{Kind: tlsreport.TLSA, Domain: fmt.Sprintf("mx%d.b.example", i), Lines: []string{strings.Repeat("3", 3000), strings.Repeat("1", 3000)}}
		if err := s.Add(context.Background(), many, ""); errors.Is(err, ErrFull) {
			full++
		}
	}
	flush(t, s)
	c.Time = at("2026-11-29 06:00:00").Time
	all := due(t, s)
	if r := all[0].Results[0]; r.Summary.Failed != 200 || len(r.Failures) != maxFailures+1 || r.Failures[maxFailures].Count != 200-maxFailures || r.Failures[maxFailures].Reason != "" {
		t.Errorf("%+v", r)
	}
	if r := all[1].Results; full != 30-maxPolicies || len(r) != maxPolicies || len(r[0].Policy.Lines) != 1 {
		t.Errorf("%d results had no room, %d policies", full, len(r))
	}
}

func TestH26_DomainsOfADay(t *testing.T) {
	s := New(filepath.Join(t.TempDir(), "tlsrpt.db"), "", at("2026-11-28 10:00:00").now)
	for i := range maxDomains {
		addAll(t, s, session(fmt.Sprintf("%d.example", i), nil))
	}
	if err := s.Add(context.Background(), session("a.example", nil), ""); !errors.Is(err, ErrFull) {
		t.Error(err)
	}
	flush(t, s)
	addAll(t, s, session("a.example", nil), session("1.example", nil))
	if err := s.Flush(); !errors.Is(err, ErrFull) {
		t.Error(err)
	}
}
