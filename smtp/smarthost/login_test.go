package smarthost_test

import (
	"encoding/base64"
	"strings"
	"sync/atomic"
	"testing"

	gosmtp "github.com/emersion/go-smtp"

	"github.com/letterlock/letterlock/internal/relayauth"
)

func TestLoginByEachMechanism(t *testing.T) {
	for _, token := range []bool{false, true} {
		for _, name := range relayauth.Names(token) {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				w, r := newRelay(t, &relayauth.Account{User: relayUser, Secret: secret{relayPass, token}}, name)
				w.session().send(relayDomain, "250", "250")
				if messages, _, _ := r.got(); len(messages) != 1 || r.tries(name) != 1 {
					t.Errorf("%d messages, %d tries", len(messages), r.tries(name))
				}
			})
		}
	}
}

// A token of two kilobytes does not fit into a command.
func TestLongTokenIsSentAfterTheCommand(t *testing.T) {
	t.Parallel()
	w, r := newRelay(t, &relayauth.Account{User: relayUser, Secret: secret{strings.Repeat("x", 2000), true}}, "XOAUTH2")
	w.session().send(relayDomain, "451 4.7.8 Host mx1.relay.example", "")
	if r.tries("XOAUTH2") != 1 {
		t.Error(r.tries("XOAUTH2"))
	}
}

func TestRefusedLogin(t *testing.T) {
	for name, wrong := range map[string]struct {
		user   string
		secret secret
	}{
		"PLAIN":         {relayUser, secret{"wrong", false}},
		"LOGIN":         {"somebody", secret{relayPass, false}},
		"CRAM-MD5":      {relayUser, secret{"wrong", false}},
		"SCRAM-SHA-256": {relayUser, secret{"wrong", false}},
		"XOAUTH2":       {relayUser, secret{"wrong", true}},
		"OAUTHBEARER":   {relayUser, secret{"wrong", true}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			account := &relayauth.Account{User: wrong.user, Secret: wrong.secret}
			w, r := newRelay(t, account, name)
			c := w.session()
			refusals := 1
			if wrong.secret.token {
				refusals = 2 // it may have been revoked, and a new one is tried
			}
			for range refusals {
				c.send(relayDomain, "451 4.7.8 Host mx1.relay.example", "")
			}
			c.send(relayDomain, "451 4.7.8 Cannot log in at mx1.relay.example: the relay has refused the login; the next try", "")
			if r.tries(name) != refusals {
				t.Errorf("%d tries: the account must pause after a refusal", r.tries(name))
			}
			account.Secret = secret{relayPass, wrong.secret.token}
			if wrong.user == relayUser && !wrong.secret.token {
				c.send(relayDomain, "250", "250")
			}
		})
	}
}

// The best mechanism is used that the relay offers and the account permits.
func TestMechanismIsSelected(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		offered, permitted []string
		want               string
	}{
		{[]string{"LOGIN", "PLAIN", "SCRAM-SHA-1", "SCRAM-SHA-256"}, nil, "SCRAM-SHA-256"},
		{[]string{"LOGIN", "PLAIN", "SCRAM-SHA-256"}, []string{"LOGIN", "PLAIN"}, "PLAIN"},
		{[]string{"CRAM-MD5", "LOGIN"}, nil, "LOGIN"},
	} {
		w, r := newRelay(t, &relayauth.Account{User: relayUser, Secret: secret{relayPass, false}, Mechanisms: tt.permitted}, tt.offered...)
		w.session().send(relayDomain, "250", "250")
		if r.tries(tt.want) != 1 {
			t.Errorf("%v: %s was not used", tt.offered, tt.want)
		}
	}
	w, _ := newRelay(t, &relayauth.Account{User: relayUser, Secret: secret{relayPass, false}}, "XOAUTH2")
	w.session().send(relayDomain, "451 4.7.8 Cannot log in at mx1.relay.example", "")
}

// A relay without the proof of SCRAM may be another server that accepts any
// password.
func TestRelayMustProveThatItKnowsThePassword(t *testing.T) {
	t.Parallel()
	w, r := newRelay(t, &relayauth.Account{User: relayUser, Secret: secret{relayPass, false}}, "SCRAM-SHA-256")
	r.careless = true
	w.session().send(relayDomain, "451 4.7.8 Cannot log in at mx1.relay.example", "")
}

// No reply of a relay brings the secret into the log.
func TestReplyWithTheSecretIsNotShown(t *testing.T) {
	t.Parallel()
	for _, shown := range []string{relayPass, base64.StdEncoding.EncodeToString([]byte("\x00" + relayUser + "\x00" + relayPass))} {
		w, r := newRelay(t, &relayauth.Account{User: "somebody", Secret: secret{relayPass, false}}, "PLAIN")
		r.refusal = &gosmtp.SMTPError{Code: 535, EnhancedCode: gosmtp.EnhancedCode{5, 7, 8}, Message: "cannot accept " + shown}
		w.session().send(relayDomain, "451 4.7.8 Host", "")
		if notes := w.read(); strings.Contains(notes, shown) || !strings.Contains(notes, "is not shown") {
			t.Error(notes)
		}
	}
}

// A token that ends in the middle of a session does not cost the message: it stays in
// the client's queue, and the next try uses another token.
func TestTokenEndsInTheSession(t *testing.T) {
	t.Parallel()
	for _, step := range []string{"alice@", "bob@", "A line"} {
		s := &expiring{secret: secret{relayPass, true}}
		w, r := newRelay(t, &relayauth.Account{User: relayUser, Secret: s}, "XOAUTH2")
		r.refuse = map[string]*gosmtp.SMTPError{step: {Code: 530, EnhancedCode: gosmtp.EnhancedCode{5, 7, 57}, Message: "Client not authenticated to send mail"}}
		rcpt, end := "451 4.7.8 Host mx1.relay.example", ""
		if step == "A line" {
			rcpt, end = "250", "451 4.7.8 Host mx1.relay.example"
		}
		w.session().send(relayDomain, rcpt, end)
		if s.expired.Load() != 1 || !strings.Contains(w.read(), "no longer accepts the login of "+relayUser+": 530 5.7.57") {
			t.Errorf("%q: %d tokens ended: %s", step, s.expired.Load(), w.read())
		}
	}
}

// expiring is a secret that counts the tokens that end.
type expiring struct {
	secret
	expired atomic.Int32
}

func (e *expiring) Expire(string) { e.expired.Add(1) }
