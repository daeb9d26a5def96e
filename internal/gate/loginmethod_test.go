package gate

import (
	"slices"
	"strings"
	"testing"
)

// TestAuto checks what the login method auto selects for a backend's offers:
// the mechanisms that are offered to clients, the logins that are collected
// first, and the method of each login.
func TestAuto(t *testing.T) {
	auto := &Mechanisms{LoginMethod: Auto}
	for name, c := range map[string]struct {
		o       Offers
		shown   string
		plain   string // how a PLAIN login is sent; "-" is not at all, "USER" the command
		command string // the method for the protocol's own command
		passes  string // the logins that are forwarded uncollected
	}{
		"all":                {Offers{SASL: []string{"PLAIN", "LOGIN"}, Command: true}, "PLAIN LOGIN", "PLAIN", "USER", "plain command"},
		"command alone":      {Offers{Command: true}, "PLAIN", "USER", "USER", "command"},
		"command and MD5":    {Offers{SASL: []string{"CRAM-MD5"}, Command: true}, "CRAM-MD5 PLAIN", "USER", "USER", "command"},
		"LOGIN and command":  {Offers{SASL: []string{"LOGIN"}, Command: true}, "LOGIN", "LOGIN", "USER", "command"},
		"PLAIN alone":        {Offers{SASL: []string{"plain"}}, "plain", "PLAIN", "PLAIN", "plain"},
		"LOGIN alone":        {Offers{SASL: []string{"LOGIN"}}, "LOGIN", "LOGIN", "LOGIN", ""},
		"no password":        {Offers{SASL: []string{"CRAM-MD5", "GSSAPI"}}, "CRAM-MD5", "-", "USER", "command"},
		"nothing":            {Offers{}, "", "-", "USER", "command"},
		"old, lists nothing": {Offers{Unknown: true, Command: true}, "PLAIN", "USER", "USER", "command"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := strings.Join(auto.Filter(c.o), " "); got != c.shown {
				t.Errorf("offered are %q, not %q", got, c.shown)
			}
			methodOf := func(l *Login) string {
				mechanism, err := (&Session{Mechanisms: auto}).Choose(l, c.o)
				switch {
				case ReasonOf(err) == BackendLogin:
					return "-"
				case err != nil:
					t.Fatal(err)
				case mechanism == "":
					if user, password := l.Command(); user != "joe" || password != "secret" {
						t.Errorf("the command has %q %q", user, password)
					}
					return "USER"
				}
				return mechanism
			}
			if got := methodOf(collected(t, "PLAIN", "\x00joe\x00secret")); got != c.plain {
				t.Errorf("PLAIN is sent by %q, not %q", got, c.plain)
			}
			if got := methodOf(CommandLogin("LOGIN", "joe", "secret")); got != c.command {
				t.Errorf("the command is sent by %q, not %q", got, c.command)
			}
			var passes []string
			if !auto.Collects("PLAIN", c.o) {
				passes = append(passes, "plain")
			}
			if !auto.CollectsCommand(c.o) {
				passes = append(passes, "command")
			}
			if got := strings.Join(passes, " "); got != c.passes {
				t.Errorf("%q is forwarded uncollected, not %q", got, c.passes)
			}
		})
	}
}

// The mechanisms that auto adds stay hidden if the configuration hides them,
// and the other login methods are unchanged.
func TestAutoAddsWithinBounds(t *testing.T) {
	o := Offers{SASL: []string{"CRAM-MD5"}, Command: true}
	if got := (&Mechanisms{LoginMethod: Auto, Hidden: []string{"PLAIN"}}).Filter(o); !slices.Equal(got, []string{"CRAM-MD5"}) {
		t.Errorf("offered are %q", got)
	}
	if got := (&Mechanisms{}).Filter(o); !slices.Equal(got, []string{"CRAM-MD5"}) {
		t.Errorf("without auto, offered are %q", got)
	}
	if m := (&Mechanisms{}); m.Collects("PLAIN", Offers{}) || m.CollectsCommand(Offers{SASL: []string{"PLAIN"}}) || !m.TakesPasswords(Offers{}) {
		t.Error("without auto, logins are not the client's own")
	}
	if !(&Mechanisms{LoginMethod: Auto}).AllowsAPOP() {
		t.Error("APOP is not allowed")
	}
}

// With routes and auto, a login is sent with a method that the user's backend
// supports.
func TestAutoWithRoutes(t *testing.T) {
	m := &Mechanisms{LoginMethod: Auto, Routed: true}
	if !m.Collects("PLAIN", allOffers) || !m.CollectsCommand(allOffers) {
		t.Error("the login is not collected")
	}
	for want, o := range map[string]Offers{"PLAIN": allOffers, "LOGIN": {SASL: []string{"LOGIN"}}, "": {Command: true}} {
		l := collected(t, "PLAIN", "\x00joe\x00secret")
		if got, err := (&Session{Mechanisms: m}).Choose(l, o); err != nil || got != want {
			t.Errorf("sent by %q (%v), not %q", got, err, want)
		}
	}
}
