package access

import (
	"cmp"
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/letterlock/letterlock/internal/devices"
)

// Rules say what a request needs. They may change between two requests.
type Rules struct {
	Passwords    *devices.Passwords // nil: no password is accepted
	Certificates bool               // a verified client certificate is accepted
	Open         bool               // without a password everything may be read; nothing may be changed
	Public       []string           // the paths that need no password
	Reasons      bool               // public answers give reasons too
}

// Logins counts failed logins, like limit.Logins.
type Logins interface {
	Admit(client netip.Addr, user string, now time.Time) (delay time.Duration, err error)
	Failed(client netip.Addr, user string, now time.Time)
	Succeeded(client netip.Addr, user string, now time.Time)
}

// Options configure a Guard.
type Options struct {
	Rules  func() Rules // called for each request
	Logins func() Logins
	Log    *slog.Logger
}

// Guard decides about requests.
type Guard struct {
	options  Options
	token    string        // that the page gives to its script
	turns    chan struct{} // one for each password that is computed at the same time
	verified *verified
}

// maxTurns bounds the passwords that are computed at the same time: each takes 19
// MiB and some 20 ms.
const maxTurns = 2

// New returns a Guard.
func New(o Options) *Guard {
	return &Guard{options: o, token: newToken(), turns: make(chan struct{}, maxTurns), verified: newVerified()}
}

// nameKey is the key of the administrator's name in a request's context.
type nameKey struct{}

// Name returns the name of the administrator who sends a request; empty: it came
// without a password or certificate.
func Name(ctx context.Context) string {
	name, _ := ctx.Value(nameKey{}).(string)
	return name
}

// Handler passes on the requests that the rules allow.
func (g *Guard) Handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rules := g.options.Rules()
		if slices.Contains(rules.Public, r.URL.Path) && !hasCredentials(r) {
			if !rules.Reasons {
				w = &terse{ResponseWriter: w}
			}
			next.ServeHTTP(w, r)
			return
		}
		name, ok := g.nameOf(w, r, rules)
		if !ok {
			return
		}
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), nameKey{}, name)))
	})
}

func hasCredentials(r *http.Request) bool {
	return r.Header.Get("Authorization") != "" || certificateName(r) != ""
}

// nameOf returns the administrator's name; empty if everything may be read without
// one. It answers a request that is refused.
func (g *Guard) nameOf(w http.ResponseWriter, r *http.Request, rules Rules) (name string, ok bool) {
	if rules.Certificates {
		if name = certificateName(r); name != "" {
			return name, true
		}
	}
	switch {
	case rules.Passwords != nil:
		return g.logIn(w, r, rules.Passwords)
	case rules.Certificates:
		http.Error(w, "a client certificate of an authority in status.client_ca is required", http.StatusForbidden)
		return "", false
	case rules.Open:
		return "", true
	}
	http.Error(w, "only "+strings.Join(rules.Public, " and ")+" are served here: set status.passwords to see more", http.StatusForbidden)
	return "", false
}

// certificateName returns the name in a verified client certificate, or "" without
// a certificate.
func certificateName(r *http.Request) string {
	if r.TLS == nil || len(r.TLS.VerifiedChains) == 0 {
		return ""
	}
	subject := r.TLS.VerifiedChains[0][0].Subject
	return cmp.Or(subject.CommonName, subject.String(), "a client certificate")
}

// terse hides the reasons of an answer with an error: they have the addresses of
// backends.
type terse struct {
	http.ResponseWriter
	failed bool
}

// WriteHeader notes whether the answer is an error.
func (t *terse) WriteHeader(status int) {
	t.failed = status >= http.StatusBadRequest
	t.ResponseWriter.WriteHeader(status)
	if t.failed {
		_, _ = t.ResponseWriter.Write([]byte("no\n"))
	}
}

// Write discards the text of an error.
func (t *terse) Write(text []byte) (int, error) {
	if t.failed {
		return len(text), nil
	}
	return t.ResponseWriter.Write(text)
}
