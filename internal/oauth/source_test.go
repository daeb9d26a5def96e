package oauth

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/oauth2"
)

// provider is a Grant that issues numbered tokens.
type provider struct {
	asked  atomic.Int64
	life   time.Duration
	slow   time.Duration
	failed error
	token  string // instead of the numbered ones

	consent string
}

func (p *provider) fetch(ctx context.Context) (*oauth2.Token, error) {
	n := p.asked.Add(1)
	select {
	case <-time.After(p.slow):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if p.failed != nil {
		return nil, p.failed
	}
	text := p.token
	if text == "" {
		text = fmt.Sprintf("token-%d", n)
	}
	return &oauth2.Token{AccessToken: text, Expiry: time.Now().Add(p.life)}, nil
}

func (p *provider) version() string { return p.consent }

func (p *provider) want(t *testing.T, s *Source, token string, asked int64) {
	t.Helper()
	if got, err := s.Get(t.Context()); got != token || (err == nil) != (token != "") || p.asked.Load() != asked {
		t.Errorf("%q, %v after %d requests, want %q after %d", got, err, p.asked.Load(), token, asked)
	}
}

func TestTokenIsRenewedBeforeItEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &provider{life: time.Hour}
		s := NewSource(p)
		p.want(t, s, "token-1", 1)
		time.Sleep(54 * time.Minute)
		p.want(t, s, "token-1", 1)
		time.Sleep(2 * time.Minute)
		p.want(t, s, "token-2", 2)
	})
}

// A token with a short life is renewed after three quarters of it, and not each
// time.
func TestShortLifeIsNotRenewedEachTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &provider{life: 4 * time.Minute}
		s := NewSource(p)
		p.want(t, s, "token-1", 1)
		time.Sleep(2 * time.Minute)
		p.want(t, s, "token-1", 1)
		time.Sleep(90 * time.Second)
		p.want(t, s, "token-2", 2)
	})
}

func TestOneRenewalAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &provider{life: time.Hour, slow: 5 * time.Second}
		s := NewSource(p)
		var all sync.WaitGroup
		for range 50 {
			all.Go(func() {
				if token, err := s.Get(t.Context()); token != "token-1" {
					t.Error(token, err)
				}
			})
		}
		all.Wait()
		if p.asked.Load() != 1 {
			t.Errorf("%d requests", p.asked.Load())
		}
	})
}

// While the provider cannot be asked, the token is used until it ends. Then no
// message waits for the provider until the next retry.
func TestProviderThatFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &provider{life: time.Hour}
		s := NewSource(p)
		p.want(t, s, "token-1", 1)
		p.failed = errors.New("no route to host")
		time.Sleep(56 * time.Minute)
		p.want(t, s, "token-1", 2)
		p.want(t, s, "token-1", 2)
		time.Sleep(5 * time.Minute)
		p.want(t, s, "", 3)
		p.want(t, s, "", 3)
		for range 12 {
			time.Sleep(longestRetry)
			p.want(t, s, "", p.asked.Load()+1)
		}
		p.failed = nil
		time.Sleep(longestRetry)
		p.want(t, s, fmt.Sprintf("token-%d", p.asked.Load()+1), p.asked.Load()+1)
	})
}

func TestProviderThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &provider{life: time.Hour, slow: 10 * time.Minute}
		s, begun := NewSource(p), time.Now()
		p.want(t, s, "", 1)
		if took := time.Since(begun); took != requestTime {
			t.Error(took)
		}
	})
}

// A new consent is used at once.
func TestNewConsentEndsTheWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &provider{life: time.Hour, failed: errNoConsent}
		s := NewSource(p)
		p.want(t, s, "", 1)
		p.want(t, s, "", 1)
		p.consent, p.failed = "given", nil
		p.want(t, s, "token-2", 2)
	})
}

// A waiting message ends with its own deadline.
func TestWaitEndsWithTheMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &provider{life: time.Hour, slow: 10 * time.Second}
		s := NewSource(p)
		var first sync.WaitGroup
		first.Go(func() { _, _ = s.Get(t.Context()) })
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if token, err := s.Get(ctx); err == nil {
			t.Error(token)
		}
		first.Wait()
	})
}

func TestUnusableTokens(t *testing.T) {
	for name, p := range map[string]*provider{
		"control character": {life: time.Hour, token: "a\x01auth=other"},
		"line end":          {life: time.Hour, token: "a\r\nQUIT"},
		"has ended":         {life: -time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { p.want(t, NewSource(p), "", 1) })
		})
	}
}

func TestExpire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &provider{life: time.Hour}
		s := NewSource(p)
		p.want(t, s, "token-1", 1)
		s.Expire("another")
		p.want(t, s, "token-1", 1)
		s.Expire("token-1")
		p.want(t, s, "token-2", 2)
	})
}
