package proxy

import (
	"io"
	"strings"
	"testing"
	"time"

	"github.com/letterlock/letterlock/internal/test/wait"
)

// The log line about a client with another protocol names the protocol and a
// remedy.
func TestOtherProtocolsAreLogged(t *testing.T) {
	t.Parallel()
	const scans = 3
	w := newWorld(t, nil)
	for range scans {
		c := w.dial()
		c.expect("hello")
		_, _ = io.WriteString(c.Conn, "\x16\x03\x01\x00")
		c.expect("bye tls-without-starttls")
		c.expectEnd()
	}
	honest := w.loggedIn()
	_ = honest.Conn.Close()
	wait.Until(t, "the sessions have not ended", func() bool { return w.Sessions() == 0 })
	_ = w.stop(20 * time.Second)
	log := w.log.String()
	if n := strings.Count(log, "outcome=tls-without-starttls"); n != scans {
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
