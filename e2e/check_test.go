package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/letterlock/letterlock/internal/scan"
)

// TestCheck compares what `letterlock check` finds about Postfix and Dovecot
// directly, and behind Letterlock.
func TestCheck(t *testing.T) {
	w := needsServers(t)
	for _, c := range []struct {
		listener, protocol string
		implicit, public   bool
		bare               int
		logins             string // mechanisms that the bare server offers before TLS
	}{
		{"smtp", "smtp", false, true, w.Ports.SMTP, ""},
		{"submission", "smtp", false, false, w.Ports.Submission, "PLAIN"},
		{"dovecot-submission", "smtp", false, false, w.Ports.DovecotSubmission, "PLAIN"},
		{"submissions", "smtp", true, false, 0, ""},
		{"imap", "imap", false, false, w.Ports.IMAP, "LOGIN"},
		{"imaps", "imap", true, false, 0, ""},
		{"pop3", "pop3", false, false, w.Ports.POP3, "USER"},
		{"pop3s", "pop3", true, false, 0, ""},
		{"sieve", "sieve", false, false, w.Ports.Sieve, "PLAIN"},
	} {
		t.Run(c.listener, func(t *testing.T) {
			target := scan.Target{
				Service: c.listener, Protocol: c.protocol, Address: proxy(t, c.listener), Host: "mail.example.com", Implicit: c.implicit, Public: c.public,
			}
			ours := scan.Look(t.Context(), target, scan.Options{Roots: shared.ca.Pool})
			for _, f := range ours.Findings {
				if f.Severity != scan.Note || !c.public {
					t.Errorf("%s: %s", f.Severity, f.Text)
				}
			}
			if !slices.Contains(ours.Versions, "TLSv1.3") || slices.Contains(ours.Versions, "TLSv1") != c.public {
				t.Errorf("%+v", ours)
			}
			if c.bare == 0 {
				return
			}
			target.Address = fmt.Sprintf("127.0.0.1:%d", c.bare)
			theirs := scan.Look(t.Context(), target, scan.Options{Roots: shared.ca.Pool})
			if theirs.TLS || !strings.Contains(strings.Join(theirs.LoginsClear, " "), c.logins) || (c.logins == "") != (len(theirs.LoginsClear) == 0) {
				t.Errorf("%+v", theirs)
			}
		})
	}
}
