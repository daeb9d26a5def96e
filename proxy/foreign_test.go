package proxy

import (
	"io"
	"strings"
	"testing"
	"time"

	"github.com/letterlock/letterlock/internal/gate"
)

// What scanners do fills no log: a few lines tell what they speak and what is to
// be done about it, and the rest is counted.
func TestForeignersFillNoLog(t *testing.T) {
	const scans = 40
	w := newWorld(t, func(s *setup) { s.Observer.(*record).Foreign = &ForeignLog{} })
	for range scans {
		c := w.dial()
		c.hear("hello")
		_, _ = io.WriteString(c.Conn, "\x16\x03\x01\x00")
		c.hear("bye tls-without-starttls")
		c.hearEnd()
	}
	honest := w.loggedIn()
	_ = honest.Conn.Close()
	_ = w.stop(20 * time.Second)
	log := w.log.String()
	if n := strings.Count(log, "outcome=tls-without-starttls"); n == 0 || n > 2*linesPerKind { // a minute may have passed
		t.Errorf("%d lines", n)
	}
	for _, want := range []string{"level=WARN", `error="the client sent TLS"`, "listener=\"plain on ", `remedy="set the client to STARTTLS`, "outcome=done"} {
		if !strings.Contains(log, want) {
			t.Errorf("the log does not say %s:\n%s", want, log)
		}
	}
	if n := len(w.record.reasons()); n != scans+1 {
		t.Errorf("%d sessions were counted", n)
	}
}

func TestForeignLog(t *testing.T) {
	var f ForeignLog
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	count := func(k kind, n int, now time.Time) (passed, dropped int) {
		for range n {
			if d, ok := f.pass(k, now); ok {
				passed++
				dropped += d
			}
		}
		return passed, dropped
	}
	http, tls := kind{"imap on :143", gate.OtherProtocol}, kind{"imap on :143", gate.TLSUnasked}
	if passed, _ := count(http, 10, now); passed != linesPerKind {
		t.Errorf("%d lines", passed)
	}
	if passed, _ := count(tls, 1, now); passed != 1 {
		t.Error("one kind hides another")
	}
	if passed, dropped := count(http, 1, now.Add(time.Minute)); passed != 1 || dropped != 10-linesPerKind {
		t.Errorf("%d lines in the next minute, %d left out before", passed, dropped)
	}
	all := 0
	for i := range 100 {
		passed, _ := count(kind{strings.Repeat("x", i), gate.OtherProtocol}, 5, now.Add(2*time.Minute))
		all += passed
	}
	if all != linesOfForeign {
		t.Errorf("%d lines of many kinds", all)
	}
	once := kind{"once", gate.OtherProtocol}
	count(once, 1, now.Add(3*time.Minute))
	count(http, 1, now.Add(4*time.Minute))
	if _, kept := f.seen[once]; kept {
		t.Error("a kind that is over, and has nothing to tell, is kept")
	}
	var none *ForeignLog
	if _, ok := none.pass(http, now); !ok {
		t.Error("without it nothing is logged")
	}
}
