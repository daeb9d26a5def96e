package smarthost_test

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"fmt"
	"net"
	"strings"
	"testing"

	gosmtp "github.com/emersion/go-smtp"

	"github.com/letterlock/letterlock/internal/nexthop"
	"github.com/letterlock/letterlock/internal/test/authority"
	"github.com/letterlock/letterlock/tlspolicy/mtasts"
	"github.com/letterlock/letterlock/tlspolicy/outbound"
)

// TestEveryLevelAgainstEveryServer checks how a message is delivered at each
// level to each server: over TLS, in plaintext, or not at all.
func TestEveryLevelAgainstEveryServer(t *testing.T) {
	const domain = "example.net"
	host := "mx1." + domain
	ca := authority.New(t)
	foreign := authority.New(t).ECDSA(t, host)
	good := ca.ECDSA(t, host)
	servers := map[string]func(b *inbox) func(net.Listener){
		"good":      func(b *inbox) func(net.Listener) { return b.serve(good) },
		"foreign":   func(b *inbox) func(net.Listener) { return b.serve(foreign) },
		"expired":   func(b *inbox) func(net.Listener) { return b.serve(ca.Expired(t, host)) },
		"elsewhere": func(b *inbox) func(net.Listener) { return b.serve(ca.ECDSA(t, "other.example.org")) },
		"plaintext": func(b *inbox) func(net.Listener) { return b.serve() },
		"no handshake": func(b *inbox) func(net.Listener) {
			return b.serveWith(func(s *gosmtp.Server) { s.TLSConfig = &tls.Config{} })
		},
		"refuses STARTTLS": func(b *inbox) func(net.Listener) {
			return script("220 mx", "250-mx\r\n250 STARTTLS", "454 4.7.0 not now")
		},
	}
	const inPlaintext, refused, noTLS, broken = "clear", "451 4.7.5 Server certificate not verified", "451 4.7.4 TLS is required, but was not offered", "451 4.7.5 Cannot start TLS"
	tests := []struct {
		rules nexthop.Rules
		want  map[string]string // by server: the word in the log, clear, or the reply to RCPT; others: refused
	}{
		{nexthop.Rules{Level: outbound.None}, map[string]string{"good": inPlaintext, "foreign": inPlaintext, "expired": inPlaintext, "elsewhere": inPlaintext, "plaintext": inPlaintext, "no handshake": inPlaintext, "refuses STARTTLS": "454"}},
		{nexthop.Rules{Level: outbound.May}, map[string]string{"good": "Trusted", "foreign": "Untrusted", "expired": "Untrusted", "elsewhere": "Trusted", "plaintext": inPlaintext, "no handshake": inPlaintext, "refuses STARTTLS": "454"}},
		{nexthop.Rules{Level: outbound.Encrypt}, map[string]string{"good": "Trusted", "foreign": "Untrusted", "expired": "Untrusted", "elsewhere": "Trusted", "plaintext": noTLS, "no handshake": broken, "refuses STARTTLS": "451 4.7.4 TLS is required, but host"}},
		{nexthop.Rules{Level: outbound.Verify}, map[string]string{"good": "Verified", "plaintext": noTLS, "no handshake": broken, "refuses STARTTLS": "451 4.7.4 TLS is required, but host"}},
		{nexthop.Rules{Level: outbound.Secure}, map[string]string{"good": "Verified", "plaintext": noTLS, "no handshake": broken, "refuses STARTTLS": "451 4.7.4 TLS is required, but host"}},
		{nexthop.Rules{Level: outbound.Fingerprint, Fingerprints: []outbound.Sum{outbound.SumOf(foreign.Leaf.Raw)}}, map[string]string{"foreign": "Verified", "plaintext": noTLS, "no handshake": broken, "refuses STARTTLS": "451 4.7.4 TLS is required, but host"}},
	}
	for _, tt := range tests {
		for name, server := range servers {
			t.Run(tt.rules.Level.String()+"/"+name, func(t *testing.T) {
				t.Parallel()
				w, b := newWorld(t), &inbox{}
				w.ca = ca
				w.domain(domain, tt.rules, server(b))
				want, known := tt.want[name]
				if !known {
					want = refused
				}
				if want[0] == '4' {
					w.session().send(domain, want, "")
					if messages, _, _ := b.got(); len(messages) > 0 || strings.Contains(w.read(), "at "+tt.rules.Level.String()+" with "+host+";") {
						t.Errorf("%q; %s", messages, w.read())
					}
					return
				}
				w.session().send(domain, "250", "250 2.0.0 queued as 4711")
				_, secured, _ := b.got()
				if len(secured) != 1 || secured[0] != (want != inPlaintext) || want != inPlaintext && !strings.Contains(w.read(), want+" at "+tt.rules.Level.String()+" with "+host) {
					t.Errorf("%v; %s", secured, w.read())
				}
			})
		}
	}
}

// TestDANE checks that only the TLSA records decide (RFC 7672).
func TestDANE(t *testing.T) {
	const domain = "example.net"
	foreign := authority.New(t)
	expired := foreign.Expired(t, "whatever.example.org")
	good := foreign.ECDSA(t, "mx1."+domain)
	sum := func(der []byte) []byte { s := sha256.Sum256(der); return s[:] }
	record := func(usage, selector byte, sum []byte) []byte { return append([]byte{usage, selector, 1}, sum...) }
	tests := []struct {
		name   string
		serve  tls.Certificate
		record []byte
		want   string
	}{
		{"3 1 1, expired and for another name", expired, record(3, 1, sum(expired.Leaf.RawSubjectPublicKeyInfo)), "Verified at dane"},
		{"2 0 1", good, record(2, 0, sum(good.Certificate[1])), "Verified at dane"},
		{"2 0 1, for another name", foreign.ECDSA(t, "mx2.example.org"), record(2, 0, sum(good.Certificate[1])), ""},
		{"another key", good, record(3, 1, sum(expired.Leaf.RawSubjectPublicKeyInfo)), ""},
		{"unusable", good, record(1, 1, sum(good.Leaf.RawSubjectPublicKeyInfo)), "Untrusted at encrypt"},
		{"none", good, nil, "Untrusted at may"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w, b := newWorld(t), &inbox{}
			w.domain(domain, nexthop.Rules{Level: outbound.May, Signals: true}, b.serve(tt.serve))
			if tt.record != nil {
				w.tlsa(domain, tt.record...)
			}
			if tt.want == "" {
				w.session().send(domain, "451 4.7.5 Server certificate not verified", "")
				return
			}
			w.session().send(domain, "250", "250")
			if !strings.Contains(w.read(), tt.want) {
				t.Error(w.read())
			}
		})
	}
	t.Run("no plaintext", func(t *testing.T) {
		w, b := newWorld(t), &inbox{}
		w.domain(domain, nexthop.Rules{Level: outbound.May, Signals: true}, b.serve())
		w.tlsa(domain, record(3, 1, sum(nil))...)
		w.session().send(domain, "451 4.7.4 TLS is required", "")
	})
}

// TestMTASTS checks that a policy in mode enforce is enforced, and one in mode
// testing only reported (RFC 8461).
func TestMTASTS(t *testing.T) {
	const domain = "example.net"
	ca := authority.New(t)
	good, foreign := ca.ECDSA(t, "mx1."+domain), authority.New(t).ECDSA(t, "mx1."+domain)
	for name, tt := range map[string]struct {
		mode, mx    string
		certificate *tls.Certificate
		rcpt, log   string
	}{
		"enforce":             {"enforce", "*." + domain, &good, "250", "Verified at verify"},
		"enforce, nobody's":   {"enforce", "mx1." + domain, &foreign, "451 4.7.5 Server certificate not verified", ""},
		"enforce, no TLS":     {"enforce", "mx1." + domain, nil, "451 4.7.4", ""},
		"enforce, another MX": {"enforce", "mx9." + domain, &good, "451 4.7.5 Host mx1.example.net is not among", ""},
		"testing":             {"testing", "mx1." + domain, &good, "250", "Verified at may"},
		"testing, nobody's":   {"testing", "mx1." + domain, &foreign, "250", "Untrusted at may"},
		"testing, no TLS":     {"testing", "mx1." + domain, nil, "250", "TLS: false"},
		"none":                {"none", "mx1." + domain, &foreign, "250", "Untrusted at may"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, b := newWorld(t), &inbox{}
			w.ca = ca
			w.finder.Policies = published{domain: {Mode: tt.mode, MX: []string{tt.mx}}}
			serve := b.serve()
			if tt.certificate != nil {
				serve = b.serve(*tt.certificate)
			}
			w.domain(domain, nexthop.Rules{Level: outbound.May, Signals: true}, serve)
			end := ""
			if tt.rcpt == "250" {
				end = "250"
			}
			w.session().send(domain, tt.rcpt, end)
			if !strings.Contains(w.read(), tt.log) {
				t.Error(w.read())
			}
		})
	}
}

// published is a policy store with fixed policies.
type published map[string]mtasts.Policy

func (p published) Lookup(_ context.Context, domain string) (mtasts.Policy, bool, error) {
	policy, found := p[domain]
	return policy, found, nil
}

// TestInjectionBehindSTARTTLS checks that plaintext after the server's 220 to
// STARTTLS, which an attacker may have sent, is not read as a reply inside TLS
// (CVE-2011-0411 on the client's side).
func TestInjectionBehindSTARTTLS(t *testing.T) {
	for level, want := range map[outbound.Level]string{outbound.Encrypt: "451 4.7.5 Cannot start TLS", outbound.Verify: "451 4.7.5 Cannot start TLS"} {
		w := newWorld(t)
		w.domain("example.net", nexthop.Rules{Level: level}, script("220 mx", "250-mx\r\n250 STARTTLS", "220 go\r\n250-mx\r\n250 SIZE\r\n250 ok\r\n250 ok"))
		w.session().send("example.net", want, "")
	}
}

// S-19: STARTTLS that is offered is used; after a failed handshake the message
// is still delivered, in plaintext or to the next server.
func TestNextServerIsTried(t *testing.T) {
	const domain = "example.net"
	w, b := newWorld(t), &inbox{}
	good := w.ca.ECDSA(t, "mx5."+domain)
	w.domain(domain, nexthop.Rules{Level: outbound.Verify},
		script("554 5.7.1 go away"), script("421 4.3.2 later"), b.serve(), b.serve(w.ca.ECDSA(t, "mx1."+domain)), b.serve(good))
	w.domain("busy.example", may, script("220 mx", "250 mx", "451 4.3.1 busy", "221 bye"), b.serve())
	w.session().send(domain, "250", "250")
	w.session().send("busy.example", "250", "250")
	if _, secured, _ := b.got(); len(secured) != 2 || !secured[0] || !strings.Contains(w.read(), "Verified at verify with mx5.example.net") {
		t.Errorf("%v; %s", secured, w.read())
	}
}

// TestServerWithoutHybridGroups checks that a server that ends handshakes with a
// large ClientHello is tried without the hybrid groups, and not with them for a
// day.
func TestServerWithoutHybridGroups(t *testing.T) {
	const domain = "example.net"
	w, b := newWorld(t), &inbox{}
	hellos := make(chan bool, 10)
	certificate := w.ca.ECDSA(t, "mx1."+domain)
	w.domain(domain, nexthop.Rules{Level: outbound.Verify}, b.serveWith(func(s *gosmtp.Server) {
		s.TLSConfig = &tls.Config{GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			hybrid := strings.Contains(fmt.Sprint(hello.SupportedCurves), "MLKEM")
			hellos <- hybrid
			if hybrid {
				_ = hello.Conn.Close()
			}
			return &tls.Config{Certificates: []tls.Certificate{certificate}}, nil
		}}
	}))
	c := w.session()
	c.send(domain, "250", "250")
	c.send(domain, "250", "250")
	for i, want := range []bool{true, false, false} {
		if got := <-hellos; got != want {
			t.Errorf("hello %d with hybrid groups: %t", i, got)
		}
	}
}
