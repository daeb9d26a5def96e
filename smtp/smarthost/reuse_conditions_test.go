package smarthost_test

import (
	"context"
	"crypto/sha256"
	"sync/atomic"
	"testing"

	"github.com/letterlock/letterlock/internal/nexthop"
	"github.com/letterlock/letterlock/internal/relayauth"
	"github.com/letterlock/letterlock/tlspolicy/outbound"
)

// A connection is used again only under the conditions that it was made under.
func TestH24_ConditionsThatChange(t *testing.T) {
	verify := nexthop.Rules{Level: outbound.Verify}
	for name, tt := range map[string]struct {
		rules  nexthop.Rules
		change func(w *world)
		rcpt   string
	}{
		"a DANE record that no longer matches": {
			nexthop.Rules{Level: outbound.DANE},
			func(w *world) { w.tlsa("example.net", append([]byte{3, 1, 1}, make([]byte, 32)...)...) },
			"451 4.7.5 Server certificate not verified",
		},
		"another level": {verify, func(w *world) { w.finder.Destinations[0].Rules.Level = outbound.Encrypt }, "250"},
		"other names": {
			verify, func(w *world) { w.finder.Destinations[0].Rules.Match = []string{"other.example"} },
			"451 4.7.5 Server certificate not verified",
		},
		"an account": {
			verify,
			func(w *world) {
				w.finder.Destinations[0].Account = &relayauth.Account{User: "a", Secret: secret{"b", false}}
			},
			"451 4.7.8",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newKeeping(t)
			h := newHop(w)
			w.domain("example.net", tt.rules, h.serve)
			if tt.rules.Level == outbound.DANE {
				sum := sha256.Sum256(h.certificate.Leaf.RawSubjectPublicKeyInfo)
				w.tlsa("example.net", append([]byte{3, 1, 1}, sum[:]...)...)
			}
			c := w.session()
			c.send("example.net", "250", "250 queued")
			tt.change(w)
			c.send("example.net", tt.rcpt, "250 queued")
			if want := map[bool]int{true: 2, false: 1}[tt.rcpt == "250"]; h.stored() != want {
				t.Errorf("%d messages, want %d", h.stored(), want)
			}
			if h.handshakes.Load() == 1 && tt.rcpt == "250" {
				t.Error("the connection was used under other conditions")
			}
		})
	}
}

// token is an access token that changes.
type token struct{ atomic.Pointer[string] }

func (s *token) Get(context.Context) (string, error) { return *s.Load(), nil }

func (s *token) IsToken() bool { return false }

func (s *token) Expire(string) {}

func (s *token) set(text string) { s.Store(&text) }

// A kept connection to a server that does not offer REQUIRETLS carries no message that
// demands it.
func TestH24_RequireTLS(t *testing.T) {
	t.Parallel()
	w := newKeeping(t)
	h := newHop(w)
	w.domain("example.net", nexthop.Rules{Level: outbound.Secure, Match: []string{"mx1.example.net"}}, h.serve)
	w.config.Listeners[0].Policy = "strict"
	c := w.session().encrypted(w)
	c.command("EHLO legacy.lan", "250")
	c.send("example.net", "250", "250 queued")
	c.command("MAIL FROM:<a@example.com> REQUIRETLS", "250")
	c.command("RCPT TO:<bob@example.net>", "550 5.7.30 REQUIRETLS is required, but was not offered")
	if h.stored() != 1 {
		t.Errorf("%d messages", h.stored())
	}
}

// A connection is not used again once its password or token was replaced.
func TestH24_SecretsThatChange(t *testing.T) {
	t.Parallel()
	w := newKeeping(t)
	h, own := newHop(w), &token{}
	own.set("b")
	h.login = "AGEAYg==" // NUL a NUL b
	w.domain(relayDomain, nexthop.Rules{Level: outbound.Verify}, h.serve)
	w.finder.Destinations[0].Account = &relayauth.Account{User: "a", Secret: own}
	c := w.session()
	for range 3 {
		c.send(relayDomain, "250", "250 queued")
	}
	h.expect(t, 3, 1)
	own.set("c")
	c.send(relayDomain, "451 4.7.8 Host mx1."+relayDomain, "")
	<-h.ended
	h.expect(t, 3, 2)
}
