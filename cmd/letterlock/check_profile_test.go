package main

import (
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/letterlock/letterlock/internal/app"
	"github.com/letterlock/letterlock/internal/guideline"
	"github.com/letterlock/letterlock/internal/inventory"
	"github.com/letterlock/letterlock/internal/scan"
	"github.com/letterlock/letterlock/internal/test/loopback"
	"github.com/letterlock/letterlock/internal/test/wait"
	"github.com/letterlock/letterlock/tlspolicy"
)

// A guideline's findings name the rule, the fix and the users that the fix would refuse,
// and what the last check did not find is new.
func TestCheckByGuideline(t *testing.T) {
	t.Parallel()
	address := loopback.FreeAddress(t)
	w := newWorld(t, fmt.Sprintf(`hostname: mail.example.com
probe: false
certificates: [{cert: cert.pem, key: key.pem}]
listeners: [{service: submissions, listen: %q, backend: "{submission}", policy: compat}]
`, address))
	conn, err := w.dial(0, func(c *tls.Config) { // an old phone
		c.MaxVersion, c.CipherSuites = tls.VersionTLS12, []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA}
	})
	if err != nil {
		t.Fatal(err)
	}
	w.login(conn)
	check := func(profile string, more ...string) (status int, out string, j judgement) {
		t.Helper()
		args := append([]string{"check", "--config", w.file(), "--ca", filepath.Join(w.path, "ca.pem"), "--profile", profile}, more...)
		status, out, said := words(args...)
		var seen checked
		if slices.Contains(more, "--json") {
			if err := json.Unmarshal([]byte(out), &seen); err != nil || seen.Profile == nil || len(seen.Profile.Services) != 1 {
				t.Fatalf("%v: %s%s", err, out, said)
			}
			j = seen.Profile.Services[0]
		}
		return status, out, j
	}
	suites := func(j judgement) (f judgedFinding) {
		if i := slices.IndexFunc(j.Findings, func(f judgedFinding) bool { return f.Subject == guideline.Suites && f.Severity == scan.Bad }); i >= 0 {
			f = j.Findings[i]
		}
		return f
	}
	wait.Until(t, "the user who would be refused is not listed", func() bool {
		status, _, j := check("internet.nl", "--json")
		f := suites(j)
		return status == exitFailed && !j.Met && strings.HasPrefix(f.Rule, "NCSC-NL TLS 2025-05, section") && strings.Contains(f.Fix, "strict") && f.Compared && slices.Equal(f.Refused, []string{"demo"})
	})
	if _, _, j := check("internet.nl", "--json"); suites(j).New || j.Last.IsZero() {
		t.Errorf("the finding is new: %+v", j)
	}

	history := filepath.Join(w.path, "history.json")
	if err := os.WriteFile(history, fmt.Appendf(nil, `{"services": {"internet.nl submissions %s": {"at": "2026-11-20T00:00:00Z", "unmet": []}}}`, address), 0o600); err != nil {
		t.Fatal(err)
	}
	status, out, _ := check("internet.nl", "--history", history)
	for _, want := range []string{"BAD:         internet.nl: suites that the guideline does not allow", "rule: NCSC-NL", "fix: switch them off (here: the policy strict)", "the fix refuses 1: demo", "new: the check of 2026-11-20 did not find it", "not examined:"} {
		if status != exitFailed || !strings.Contains(out, want) {
			t.Errorf("%d, no %q in\n%s", status, want, out)
		}
	}
	if status, _, said := words("check", "mail.example.com", "--profile", "pci"); status != exitUsage || !strings.Contains(said, "internet.nl, bsi, nist, mozilla") {
		t.Errorf("%d %s", status, said)
	}
}

// On smtp the networks of servers are listed too. A client that the policy refuses already
// is not: the fix does not refuse it.
func TestCheckNamesRefusedClients(t *testing.T) {
	t.Parallel()
	policy, err := tlspolicy.Named("opportunistic")
	if err != nil {
		t.Fatal(err)
	}
	entry := func(network string, suite uint16) (e inventory.Entry) {
		e.Offer = tlspolicy.OfferOf([]uint16{tls.VersionTLS12}, []uint16{suite}, []tls.CurveID{tls.CurveP256})
		e.Service, e.Listener, e.Kind = "smtp", "127.0.0.1:25", inventory.Session
		e.Network, e.Address = netip.MustParsePrefix(network), netip.MustParsePrefix(network).Addr()
		return e
	}
	s := app.Service{Name: "smtp", Address: "127.0.0.1:25"}
	r := &refusals{
		policies: map[string]tlspolicy.Policy{s.Address: policy}, at: map[string]app.Service{s.Address: s},
		entries: []inventory.Entry{
			entry("192.0.2.0/24", tls.TLS_RSA_WITH_AES_128_CBC_SHA),
			entry("198.51.100.0/24", tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256),
			entry("203.0.113.0/24", tls.TLS_RSA_WITH_RC4_128_SHA), // of an earlier, wider policy
			entry("127.0.0.0/24", tls.TLS_RSA_WITH_AES_128_CBC_SHA),
		},
	}
	f := guideline.Finding{Subject: guideline.Suites, Items: []string{"AES128-SHA"}}
	f.Severity = scan.Bad
	if names, compared := r.by(scan.Report{Address: s.Address}, f); !compared || !slices.Equal(names, []string{"192.0.2.0/24"}) {
		t.Errorf("%t, %v", compared, names)
	}
}
