package configs

import (
	"slices"
	"testing"

	"github.com/letterlock/letterlock/tlspolicy"
)

func TestListenerDefaults(t *testing.T) {
	on, off := true, false
	tests := []struct {
		l              Listener
		policy         string
		received, vrfy bool
	}{
		{Listener{Service: SMTP}, "opportunistic", true, true},
		{Listener{Service: Submission, Received: &on, DisableVRFY: &on}, "strict", true, true},
		{Listener{Service: Submissions, Received: &off, DisableVRFY: &off, Policy: "modern"}, "modern", false, false},
		{Listener{Service: IMAP}, "strict", false, false},
	}
	for _, tt := range tests {
		if tt.l.PolicyName() != tt.policy || tt.l.ReceivedOn() != tt.received || tt.l.VRFYDisabled() != tt.vrfy {
			t.Errorf("%+v: %s %v %v", tt.l, tt.l.PolicyName(), tt.l.ReceivedOn(), tt.l.VRFYDisabled())
		}
	}
}

func TestPolicyOf(t *testing.T) {
	c := mustParse(t, `
policies:
  - {name: same, base: compat}
  - {name: new, base: compat, min_version: 1.3}
  - {name: few, base: strict, max_version: 1.2, suites: [ECDHE-RSA-AES128-GCM-SHA256], groups: [P-256]}
listeners:
  - {service: imap,  backend: b}
  - {service: imaps, backend: b, policy: same}
  - {service: pop3,  backend: b, policy: new}
  - {service: pop3s, backend: b, policy: few}
`)
	compat, err := tlspolicy.Named("compat")
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name     string
		min, max tlspolicy.Version
		suites   int
		groups   int
		legacy   bool
	}{
		{"strict", tlspolicy.VersionTLS12, tlspolicy.VersionTLS13, 6, 6, false},
		{"same", compat.Min, compat.Max, len(compat.Suites), len(compat.Groups), true},
		{"new", tlspolicy.VersionTLS13, tlspolicy.VersionTLS13, len(compat.Suites), len(compat.Groups), true},
		{"few", tlspolicy.VersionTLS12, tlspolicy.VersionTLS12, 1, 1, false},
	}
	for i, tt := range tests {
		p, err := c.PolicyOf(c.Listeners[i])
		if err != nil || p.Name != tt.name || p.Min != tt.min || p.Max != tt.max ||
			len(p.Suites) != tt.suites || len(p.Groups) != tt.groups || p.LegacyAuth != tt.legacy {
			t.Errorf("%s: %+v, %v", tt.name, p, err)
		}
	}
	if p, err := c.PolicyOf(Listener{Service: IMAP, Policy: "none"}); err == nil {
		t.Errorf("an unknown name gave %+v", p)
	}
}

// A policy may change nothing, or be as narrow as TLS 1.3 with ML-KEM alone:
// neither has a setting that makes all clients of a version fail.
func TestNarrowPolicies(t *testing.T) {
	for _, rules := range []string{
		"base: modern",
		"base: modern, groups: [X25519MLKEM768]",
		"base: strict, min_version: 1.3, groups: [SecP384r1MLKEM1024]",
		"base: strict, min_version: 1.3, suites: []",
		"base: opportunistic, min_version: 1.0, suites: [DES-CBC3-SHA]",
		"base: strict, max_version: 1.2",
	} {
		mustParse(t, "policies: [{name: own, "+rules+"}]\nlisteners: [{service: imaps, backend: b}]\n")
	}
}

// The combinations of recipients, handover and allow_open_relay on smtp.
func TestRelayRules(t *testing.T) {
	const head = "listeners: [{service: smtp, backend: b"
	mustParse(t, head+", recipients: [example.com]}]")
	mustParse(t, head+", allow_open_relay: true}]")
	mustParse(t, head+", recipients: [example.com], allow_open_relay: false}]")
	for _, handover := range []string{"xclient", "proxy-v1", "proxy-v2", "tproxy"} {
		mustParse(t, head+", handover: "+handover+"}]")
	}
	for _, bad := range []string{"", ", recipients: []", ", handover: none", ", handover: xforward", ", allow_open_relay: false", ", auth: true"} {
		if all := mustFail(t, head+bad+"}]"); len(all) != 1 {
			t.Errorf("%s: %v", bad, all)
		}
	}
}

// Each handover is accepted on the services that support it, and refused on
// others.
func TestHandovers(t *testing.T) {
	for _, h := range handovers {
		for _, s := range Services() {
			c := Config{Hostname: "mail.example.com"}
			r := report{findings: newFindings("", nil)}
			checkHandover(&c, Listener{Service: s, Handover: h.name}, r)
			fits := h.services == nil || slices.Contains(h.services, s)
			if taken := len(r.errors) == 0; taken != fits {
				t.Errorf("%s on %s: %v", h.name, s, r.errors)
			}
		}
	}
}
