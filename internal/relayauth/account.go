package relayauth

import (
	"context"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/emersion/go-sasl"
)

// Account is a login at a relay. Its exported fields do not change once it is in
// use. All its methods are safe for concurrent use.
type Account struct {
	User       string
	Mechanisms []string // the mechanisms that may be used; empty: all
	Secret     Secret

	mu     sync.Mutex
	paused pause
}

// Secret provides the password, or the access token, of an account.
type Secret interface {
	// Get returns the present secret. Fetching a token may take until ctx ends.
	Get(ctx context.Context) (string, error)

	// IsToken reports whether the secret is an OAuth access token.
	IsToken() bool

	// Expire makes Get return another token than this one, if there can be one.
	Expire(token string)
}

// pause is the time for which an account does not log in.
type pause struct {
	secret string // the secret that was refused
	reply  string // the relay's reply
	length time.Duration
	until  time.Time
}

// The pause after the first refusal, and the longest. Each refusal doubles it.
const (
	firstPause   = time.Minute
	longestPause = time.Hour
)

// Relay is the server to log in at.
type Relay struct {
	Host    string
	Port    string
	Offered []string // its mechanisms, as it has written them
}

// Paused is the error of an account that waits after a refusal.
type Paused struct {
	Reply string // the relay's, in one line
	Until time.Time
}

func (p *Paused) Error() string {
	return fmt.Sprintf("the relay has refused the login; the next try is at %s (%s)", p.Until.UTC().Format("15:04:05 UTC"), p.Reply)
}

// NoMechanism is the error of a relay that offers no mechanism which can be used.
type NoMechanism struct{ Offered, Usable []string }

func (n *NoMechanism) Error() string {
	offered := "none"
	if len(n.Offered) > 0 {
		offered = strings.Join(n.Offered, " ")
	}
	return fmt.Sprintf("of the mechanisms %s the relay offers none (it offers: %s)", strings.Join(n.Usable, " "), offered)
}

// ready returns the present secret. It fails with *Paused if the relay has
// refused this secret, and the pause is not over.
func (a *Account) ready(ctx context.Context) (secret string, err error) {
	if secret, err = a.Secret.Get(ctx); err != nil {
		return "", err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if (a.paused.secret == secret || a.Secret.IsToken()) && time.Now().Before(a.paused.until) {
		return "", &Paused{a.paused.reply, a.paused.until}
	}
	return secret, nil
}

// Check fails if no login can be tried now: there is no secret, or the relay has
// refused it and the pause is not over.
func (a *Account) Check(ctx context.Context) error {
	_, err := a.ready(ctx)
	return err
}

// Login begins a login with the best mechanism that the relay offers.
func (a *Account) Login(ctx context.Context, relay Relay) (*Login, error) {
	secret, err := a.ready(ctx)
	if err != nil {
		return nil, err
	}
	var usable []string
	for _, m := range mechanisms {
		if m.token != a.Secret.IsToken() || len(a.Mechanisms) > 0 && !slices.Contains(a.Mechanisms, m.name) {
			continue
		}
		usable = append(usable, m.name)
		if !slices.ContainsFunc(relay.Offered, func(name string) bool { return strings.EqualFold(name, m.name) }) {
			continue
		}
		l := &Login{account: a, secret: secret, client: m.client(a.User, secret, relay)}
		if _, l.initial, err = l.client.Start(); err != nil {
			return nil, fmt.Errorf("%s: %w", m.name, err)
		}
		l.Mechanism = m.name
		return l, nil
	}
	return nil, &NoMechanism{relay.Offered, usable}
}

// Login is one try to log in.
type Login struct {
	Mechanism string

	account *Account
	secret  string
	client  sasl.Client
	initial []byte
}

// Initial returns the initial response; nil if the mechanism has none.
func (l *Login) Initial() []byte { return l.initial }

// Next returns the response to a challenge. After an error the client must
// cancel the exchange (RFC 4954 §4).
func (l *Login) Next(challenge []byte) ([]byte, error) { return l.client.Next(challenge) }

// Succeeded ends the login after the relay's positive reply. It fails if the
// mechanism authenticates the relay as well, and the relay has not proved that it
// knows the password.
func (l *Login) Succeeded() error {
	if m, mutual := l.client.(interface{ verified() bool }); mutual && !m.verified() {
		return errNotMutual
	}
	l.account.mu.Lock()
	defer l.account.mu.Unlock()
	l.account.paused = pause{}
	return nil
}

// Reveals reports whether a text contains the secret, as it is or in base64. Such
// a reply of the relay must not be logged.
func (l *Login) Reveals(text string) bool {
	if strings.Contains(text, l.secret) {
		return true
	}
	for word := range strings.FieldsSeq(text) {
		if decoded, err := base64.StdEncoding.DecodeString(word); err == nil && strings.Contains(string(decoded), l.secret) {
			return true
		}
	}
	return false
}

// Ended records that the relay no longer accepts the login in the middle of its
// session. A token is not used again.
func (l *Login) Ended() { l.account.Secret.Expire(l.secret) }

// Current reports whether the account would log in with the same secret now. It is
// not if a token has ended or was renewed, or if the password has changed.
func (l *Login) Current(ctx context.Context) bool {
	secret, err := l.account.ready(ctx)
	return err == nil && secret == l.secret
}

// Refused ends the login after the relay's permanent refusal, and begins the
// pause of the account. The first refusal of a token begins no pause: the token
// may have been revoked, and the next try uses a new one.
func (l *Login) Refused(reply string) {
	a := l.account
	a.Secret.Expire(l.secret)
	a.mu.Lock()
	defer a.mu.Unlock()
	token, again := a.Secret.IsToken(), a.paused.reply != ""
	length := firstPause
	switch {
	case token && !again:
		length = 0
	case again && (token || a.paused.secret == l.secret):
		length = max(firstPause, min(2*a.paused.length, longestPause))
	}
	a.paused = pause{l.secret, reply, length, time.Now().Add(length)}
}
