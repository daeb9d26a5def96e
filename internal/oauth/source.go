package oauth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"golang.org/x/oauth2"
)

// Grant is the way to get a token.
type Grant interface {
	// fetch gets a token from the provider.
	fetch(ctx context.Context) (*oauth2.Token, error)

	// version changes with the consent that fetch uses.
	version() string
}

// Source provides the access token of one account. It is safe for concurrent
// use; one goroutine at a time asks the provider.
type Source struct {
	grant Grant

	asking chan struct{} // holds a value while a goroutine asks the provider

	mu     sync.Mutex
	token  *oauth2.Token // nil: none yet
	renew  time.Time     // when the token is renewed
	failed error         // of the last request
	tried  string        // the version of the grant at the last request
	retry  time.Time     // no request before, unless the version changes
	wait   time.Duration // until the next retry
}

const (
	requestTime = 15 * time.Second // of a request to the provider
	early       = 5 * time.Minute  // a token is renewed this long before it expires, or after three quarters of its time

	firstRetry   = 10 * time.Second // after a request that failed; each failure doubles it
	longestRetry = 15 * time.Minute
)

// NewSource returns a source, which does nothing until Get is called.
func NewSource(grant Grant) *Source {
	return &Source{grant: grant, asking: make(chan struct{}, 1)}
}

// IsToken returns true.
func (s *Source) IsToken() bool { return true }

// Expire makes Get fetch a new token if its present one is this token.
func (s *Source) Expire(token string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.token != nil && s.token.AccessToken == token {
		s.token = nil
	}
}

// Get returns a token. If the provider cannot be asked, a token that has not
// expired is returned.
func (s *Source) Get(ctx context.Context) (string, error) {
	if token, fresh, err := s.present(); fresh || err != nil && token == "" {
		return token, err
	}
	select {
	case s.asking <- struct{}{}:
		defer func() { <-s.asking }()
	case <-ctx.Done():
		return "", fmt.Errorf("the provider's token endpoint has not answered: %w", ctx.Err())
	}
	if token, fresh, err := s.present(); fresh || err != nil && token == "" {
		return token, err // another goroutine has asked
	}
	s.ask(ctx)
	token, _, err := s.present()
	return token, err
}

// present returns the token, and whether it needs no renewal yet. Without a
// usable token it returns the error of the last request until the next retry.
func (s *Source) present() (token string, fresh bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	waits := now.Before(s.retry) && s.grant.version() == s.tried
	switch {
	case s.token != nil && now.Before(s.token.Expiry):
		return s.token.AccessToken, now.Before(s.renew) || waits, nil
	case waits:
		return "", false, s.failed
	}
	return "", false, nil
}

// ask asks the provider for a token.
func (s *Source) ask(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, requestTime)
	defer cancel()
	version := s.grant.version()
	token, err := s.grant.fetch(context.WithValue(ctx, oauth2.HTTPClient, client))
	now := time.Now()
	if err == nil {
		err = check(token, now)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		s.wait = min(max(2*s.wait, firstRetry), longestRetry)
		s.failed, s.tried, s.retry = explain(err), version, now.Add(s.wait)
		return
	}
	s.token, s.failed, s.wait, s.retry = token, nil, 0, time.Time{}
	s.renew = token.Expiry.Add(-min(early, token.Expiry.Sub(now)/4))
}

var errNoToken = errors.New("the provider's answer has no usable access token")

// assumed is the lifetime of a token whose answer names none.
const assumed = 10 * time.Minute

// check reports an unusable token, and sets a missing end.
func check(token *oauth2.Token, now time.Time) error {
	if token.Expiry.IsZero() {
		token.Expiry = now.Add(assumed)
	}
	if token.AccessToken == "" || !printable(token.AccessToken) || !now.Before(token.Expiry) {
		return errNoToken
	}
	return nil
}

// printable reports whether a token can be sent by SASL: a control character
// would end its field.
func printable(token string) bool {
	for _, b := range []byte(token) {
		if b <= ' ' || b > '~' {
			return false
		}
	}
	return true
}

// client follows no redirects: the request holds secrets.
var client = &http.Client{
	Timeout:       requestTime,
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}
