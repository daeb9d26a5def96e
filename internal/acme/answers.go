package acme

import (
	"context"
	"crypto/tls"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync"

	"github.com/mholt/acmez/v3"
	"github.com/mholt/acmez/v3/acme"
)

// answers are the answers to the challenges of running orders. In a cluster each instance
// can give the answers of all, because the CA may reach any of them.
type answers struct {
	store     store
	authorize func(token string) string // the answer to HTTP-01 by the account's key

	mu    sync.Mutex
	http  map[string]string           // by token
	certs map[string]*tls.Certificate // by the name that the CA sends
}

// Suffixes of names in the shared state, as autocert has them.
const (
	httpSuffix = "+http-01"
	tlsSuffix  = "+token"
)

func newAnswers(s store, authorize func(token string) string) *answers {
	return &answers{store: s, authorize: authorize, http: map[string]string{}, certs: map[string]*tls.Certificate{}}
}

// http01 is the solver of HTTP-01.
type http01 struct{ *answers }

// Present makes ServeHTTP answer.
func (s http01) Present(ctx context.Context, c acme.Challenge) error {
	s.mu.Lock()
	s.http[c.Token] = c.KeyAuthorization
	s.mu.Unlock()
	s.store.share(ctx, c.Token+httpSuffix, []byte(c.KeyAuthorization))
	return nil
}

// CleanUp removes the answer.
func (s http01) CleanUp(ctx context.Context, c acme.Challenge) error {
	s.mu.Lock()
	delete(s.http, c.Token)
	s.mu.Unlock()
	s.store.unshare(ctx, c.Token+httpSuffix)
	return nil
}

// ServeHTTP answers HTTP-01 (RFC 8555 §8.3), and all other requests with 404.
func (a *answers) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	token, ok := strings.CutPrefix(r.URL.Path, "/.well-known/acme-challenge/")
	if ok && isToken(token) {
		if text := a.text(r.Context(), token); text != "" {
			w.Header().Set("Content-Type", "application/octet-stream")
			_, _ = w.Write([]byte(text)) //nolint:gosec // G705: it is made from the token and the account, and is no HTML
			return
		}
	}
	http.NotFound(w, r)
}

// isToken reports whether a text can be a token: base64url (RFC 8555 §8.3).
func isToken(text string) bool {
	const maxToken = 256
	return text != "" && len(text) <= maxToken && strings.Trim(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") == ""
}

// text returns the answer to HTTP-01 for a token; empty: the token is not known. In a cluster the
// key of the account is enough to answer each token (RFC 8555 §8.1): so an instance can
// answer for another instance although neither reaches the shared state. That allows orders of
// this account only.
func (a *answers) text(ctx context.Context, token string) string {
	a.mu.Lock()
	text := a.http[token]
	a.mu.Unlock()
	if text != "" || a.store.shared == nil {
		return text
	}
	if text = string(a.store.fetch(ctx, token+httpSuffix)); text == "" {
		text = a.authorize(token)
	}
	return text
}

// tlsALPN01 is the solver of TLS-ALPN-01.
type tlsALPN01 struct{ *answers }

// Present makes certificate answer.
func (s tlsALPN01) Present(ctx context.Context, c acme.Challenge) error {
	cert, err := acmez.TLSALPN01ChallengeCert(c)
	if err != nil {
		return err
	}
	name := sniOf(c.Identifier.Value)
	s.mu.Lock()
	s.certs[name] = cert
	s.mu.Unlock()
	data, err := text(*cert)
	if err == nil {
		s.store.shareInTime(ctx, name+tlsSuffix, data)
	}
	return err
}

// CleanUp removes the answer.
func (s tlsALPN01) CleanUp(ctx context.Context, c acme.Challenge) error {
	name := sniOf(c.Identifier.Value)
	s.mu.Lock()
	delete(s.certs, name)
	s.mu.Unlock()
	s.store.unshare(ctx, name+tlsSuffix)
	return nil
}

// certificate returns the answer to TLS-ALPN-01 for a name, or nil for a name without a challenge.
func (a *answers) certificate(ctx context.Context, name string, known func(string) bool) *tls.Certificate {
	name = strings.ToLower(name)
	a.mu.Lock()
	cert := a.certs[name]
	a.mu.Unlock()
	if cert == nil && a.store.shared != nil && known(name) {
		cert = parsePair(a.store.fetchInTime(ctx, name+tlsSuffix))
	}
	return cert
}

// sniOf returns the name that a CA sends in the handshake of TLS-ALPN-01: for an IP
// address that of its PTR record (RFC 8738 §6).
func sniOf(identifier string) string {
	ip, err := netip.ParseAddr(identifier)
	if err != nil {
		return strings.ToLower(identifier)
	}
	const digits = "0123456789abcdef"
	var labels []string
	for _, b := range ip.AsSlice() {
		if ip.Is4() {
			labels = append([]string{strconv.Itoa(int(b))}, labels...)
			continue
		}
		labels = append([]string{string(digits[b&15]), string(digits[b>>4])}, labels...)
	}
	suffix := "ip6.arpa"
	if ip.Is4() {
		suffix = "in-addr.arpa"
	}
	return strings.Join(append(labels, suffix), ".")
}
