package relayauth

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// fixed is a secret that a test sets.
type fixed struct {
	text    string
	token   bool
	expired []string
}

func (f *fixed) Get(context.Context) (string, error) { return f.text, nil }
func (f *fixed) IsToken() bool                       { return f.token }
func (f *fixed) Expire(token string)                 { f.expired = append(f.expired, token) }

// refused tries to log in, and reports whether the account let it.
func refused(t *testing.T, a *Account) bool {
	t.Helper()
	l, err := a.Login(t.Context(), Relay{Host: "relay.example", Port: "587", Offered: []string{"PLAIN", "XOAUTH2"}})
	if err != nil {
		if _, paused := errors.AsType[*Paused](err); !paused {
			t.Fatal(err)
		}
		return false
	}
	l.Refused("535 5.7.8 bad credentials")
	return true
}

// A relay that refuses a password all day sees few tries, however many messages
// wait.
func TestPauseGrows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &Account{User: "u", Secret: &fixed{text: "wrong"}}
		tries := 0
		for begun := time.Now(); time.Since(begun) < 24*time.Hour; time.Sleep(10 * time.Second) {
			if refused(t, a) {
				tries++
			}
		}
		if tries < 24 || tries > 31 {
			t.Errorf("%d tries in a day", tries)
		}
	})
}

func TestPauseEndsWithANewPassword(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		secret := &fixed{text: "old"}
		a := &Account{User: "u", Secret: secret}
		if !refused(t, a) || refused(t, a) {
			t.Fatal("no pause after a refusal")
		}
		secret.text = "new"
		if a.Check(t.Context()) != nil || !refused(t, a) || refused(t, a) {
			t.Error("the new password must be tried once")
		}
	})
}

// The first refusal of a token only expires it. If the next one is refused as
// well, the account pauses, whatever the token.
func TestPauseAfterTwoTokens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		secret := &fixed{text: "first", token: true}
		a := &Account{User: "u", Secret: secret}
		refused(t, a)
		secret.text = "second"
		if !refused(t, a) {
			t.Fatal("no try with the second token")
		}
		secret.text = "third"
		if refused(t, a) {
			t.Error("no pause after two refused tokens")
		}
		if len(secret.expired) != 2 || secret.expired[0] != "first" {
			t.Error(secret.expired)
		}
		time.Sleep(firstPause)
		l, err := a.Login(t.Context(), Relay{Offered: []string{"XOAUTH2"}})
		if err != nil {
			t.Fatal(err)
		}
		if err := l.Succeeded(); err != nil {
			t.Fatal(err)
		}
		for try, want := range []bool{true, true, false} {
			if refused(t, a) != want {
				t.Errorf("try %d after a success: %t", try+1, !want)
			}
		}
	})
}

func TestPasswordThatCannotBeReadAgain(t *testing.T) {
	text, failure := "first", error(nil)
	p := NewPassword(func() (string, error) { return text, failure })
	if got, err := p.Get(t.Context()); err == nil {
		t.Errorf("%q before it is read", got)
	}
	if err := p.Load(); err != nil {
		t.Fatal(err)
	}
	text, failure = "", errors.New("no such file")
	if err := p.Load(); err == nil {
		t.Error("the failure is not reported")
	}
	if got, err := p.Get(t.Context()); got != "first" || err != nil {
		t.Errorf("%q, %v: the previous password must stay in use", got, err)
	}
}

// A relay cannot make the proxy compute for minutes.
func TestIterationsAreBounded(t *testing.T) {
	l, err := (&Account{User: "user", Secret: &fixed{text: "password"}}).Login(t.Context(), Relay{Offered: []string{"SCRAM-SHA-256"}})
	if err != nil {
		t.Fatal(err)
	}
	_, nonce, _ := strings.Cut(string(l.Initial()), "r=")
	if _, err := l.Next([]byte("r=" + nonce + "x,s=c2FsdA==,i=2000000000")); !errors.Is(err, errUnexpected) {
		t.Error(err)
	}
}

// A mechanism answers the challenges that fit it, and no others.
func FuzzChallenges(f *testing.F) {
	f.Add([]byte("r=abc,s=c2FsdA==,i=4096"))
	f.Add([]byte("r=abc,s=c2FsdA==,i=2000000000"))
	f.Add([]byte("<1896.697170952@mx.example.net>"))
	f.Fuzz(func(t *testing.T, challenge []byte) {
		for _, m := range mechanisms {
			a := &Account{User: "user", Secret: &fixed{text: "password", token: m.token}, Mechanisms: []string{m.name}}
			l, err := a.Login(t.Context(), Relay{Host: "relay.example", Port: "587", Offered: []string{m.name}})
			if err != nil {
				t.Fatal(m.name, err)
			}
			for range 3 {
				if _, err := l.Next(challenge); err != nil {
					break
				}
			}
			if mutual, ok := l.client.(*scramClient); ok && mutual.verified() {
				t.Errorf("%s: %q proves the password", m.name, challenge)
			}
		}
	})
}
