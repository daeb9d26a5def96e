package outbound

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"strings"
	"testing"

	"github.com/letterlock/letterlock/internal/test/authority"
	"github.com/letterlock/letterlock/internal/test/loopback"
	"github.com/letterlock/letterlock/tlspolicy"
	"github.com/letterlock/letterlock/tlspolicy/dane"
)

const host = "mx1.example.net"

// shake makes a handshake under the terms with a server.
func shake(t *testing.T, terms Terms, server *tls.Config) (Verdict, *tls.ConnectionState, error) {
	t.Helper()
	l := loopback.Listen(t)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer func() { _ = conn.Close() }()
		s := tls.Server(conn, server)
		if s.Handshake() == nil {
			_, _ = s.Write([]byte("x")) // so that the client has seen its ticket
		}
	}()
	defer func() { <-ended }()
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	var v Verdict
	c := tls.Client(conn, terms.Config(&v))
	if err := c.Handshake(); err != nil {
		return v, nil, err
	}
	_, _ = c.Read(make([]byte, 1))
	state := c.ConnectionState()
	return v, &state, nil
}

func record(usage, selector uint8, c *x509.Certificate) dane.TLSA {
	der := c.Raw
	if selector == dane.PublicKey {
		der = c.RawSubjectPublicKeyInfo
	}
	sum := sha256.Sum256(der)
	return dane.TLSA{Usage: usage, Selector: selector, Matching: dane.SHA256, Data: sum[:]}
}

func issuer(t *testing.T, c tls.Certificate) *x509.Certificate {
	t.Helper()
	cert, err := x509.ParseCertificate(c.Certificate[1])
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

// TestEveryLevelAgainstEveryCertificate checks the result of the handshake and
// its log line for each type of certificate at each level.
func TestEveryLevelAgainstEveryCertificate(t *testing.T) {
	ca, other := authority.New(t), authority.New(t)
	good, expired := ca.ECDSA(t, host), ca.Expired(t, host)
	elsewhere, wildcard := ca.ECDSA(t, "other.example.org"), ca.ECDSA(t, "*.example.net")
	foreign, client := other.ECDSA(t, host), ca.Client(t, host)
	certificates := map[string]tls.Certificate{
		"good": good, "expired": expired, "elsewhere": elsewhere, "wildcard": wildcard, "foreign": foreign, "for clients": client,
	}
	type outcome map[string]string // by certificate; none: Untrusted, and refused
	tests := []struct {
		name  string
		terms Terms
		want  outcome
	}{
		{"may", Terms{Level: May}, outcome{"good": "Trusted", "expired": "Untrusted", "elsewhere": "Trusted", "wildcard": "Trusted", "foreign": "Untrusted", "for clients": "Untrusted"}},
		{"encrypt", Terms{Level: Encrypt}, outcome{"good": "Trusted", "expired": "Untrusted", "elsewhere": "Trusted", "wildcard": "Trusted", "foreign": "Untrusted", "for clients": "Untrusted"}},
		{"testing", Terms{Level: May, Match: []string{host}, Testing: true}, outcome{"good": "Verified", "expired": "Untrusted", "elsewhere": "Trusted", "wildcard": "Verified", "foreign": "Untrusted", "for clients": "Untrusted"}},
		{"verify", Terms{Level: Verify, Match: []string{host}}, outcome{"good": "Verified", "wildcard": "Verified"}},
		{"secure", Terms{Level: Secure, Match: []string{"example.net", ".example.net"}}, outcome{"good": "Verified", "wildcard": "Verified"}},
		{"secure by its name", Terms{Level: Secure, Match: []string{"other.example.org"}}, outcome{"elsewhere": "Verified"}},
		{"fingerprint of a certificate", Terms{Level: Fingerprint, Fingerprints: []Sum{SumOf(foreign.Leaf.Raw)}}, outcome{"foreign": "Verified"}},
		{"fingerprint of a key", Terms{Level: Fingerprint, Fingerprints: []Sum{{}, SumOf(expired.Leaf.RawSubjectPublicKeyInfo)}}, outcome{"expired": "Verified"}},
		{"3 1 1", Terms{Level: DANE, Records: []dane.TLSA{record(3, 1, expired.Leaf)}}, outcome{"expired": "Verified"}},
		{"3 0 1", Terms{Level: DANE, Records: []dane.TLSA{record(3, 0, elsewhere.Leaf), record(3, 0, client.Leaf)}}, outcome{"elsewhere": "Verified", "for clients": "Verified"}},
		{"2 1 1", Terms{Level: DANE, Match: []string{"example.net", host}, Records: []dane.TLSA{record(2, 1, issuer(t, foreign))}}, outcome{"foreign": "Verified"}},
		{"2 0 0", Terms{Level: DANE, Match: []string{"example.net", host}, Records: []dane.TLSA{{Usage: 2, Data: issuer(t, good).Raw}}}, outcome{"good": "Verified", "wildcard": "Verified"}},
		{"2 1 1 of a leaf", Terms{Level: DANE, Match: []string{host}, Records: []dane.TLSA{record(2, 1, good.Leaf)}}, outcome{}},
	}
	for _, tt := range tests {
		for name, certificate := range certificates {
			tt.terms.Policy, tt.terms.Roots, tt.terms.ServerName = tt.terms.Level.Policy(), ca.Pool, host
			v, state, err := shake(t, tt.terms, &tls.Config{Certificates: []tls.Certificate{certificate}})
			want, allowed := tt.want[name]
			unverified, named := errors.AsType[*NotVerified](err)
			switch {
			case allowed && (err != nil || v.Trust.String() != want || (v.Err != nil) != (want != "Verified" && !(want == "Trusted" && len(tt.terms.Match) == 0))):
				t.Errorf("%s, %s: %s, %v; want %s", tt.name, name, v.Trust, err, want)
			case !allowed && (err == nil || !named || v.Trust == Verified || unverified.Error() == ""):
				t.Errorf("%s, %s: goes through as %s (%v)", tt.name, name, v.Trust, err)
			case allowed && state.ServerName != host:
				t.Errorf("%s, %s: SNI %q", tt.name, name, state.ServerName)
			}
		}
	}
}

// TestPolicyOfEachLevel checks that level may offers everything that an old
// server might need, and that authentication requires TLS 1.2.
func TestPolicyOfEachLevel(t *testing.T) {
	ca := authority.New(t)
	certificate := ca.RSA(t, host)
	old := func(max uint16, suites ...uint16) *tls.Config {
		return &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS10, MaxVersion: max, CipherSuites: suites}
	}
	servers := map[string]*tls.Config{
		"TLS 1.0":    old(tls.VersionTLS10, tls.TLS_RSA_WITH_AES_128_CBC_SHA),
		"static RSA": old(tls.VersionTLS12, tls.TLS_RSA_WITH_AES_128_GCM_SHA256),
		"CBC":        old(tls.VersionTLS12, tls.TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA),
		"GCM":        old(tls.VersionTLS12, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384),
		"TLS 1.3":    old(tls.VersionTLS13),
	}
	for level, reached := range map[Level][]string{
		May: {"TLS 1.0", "static RSA", "CBC", "GCM", "TLS 1.3"}, Encrypt: {"CBC", "GCM", "TLS 1.3"}, Verify: {"GCM", "TLS 1.3"}, Secure: {"GCM", "TLS 1.3"},
	} {
		for name, server := range servers {
			_, _, err := shake(t, Terms{Level: level, Policy: level.Policy(), Roots: ca.Pool, ServerName: host, Match: []string{host}}, server)
			if want := strings.Contains(strings.Join(reached, ","), name); (err == nil) != want {
				t.Errorf("%s, %s: %v", level, name, err)
			}
		}
	}
}

// TestSessions checks that a resumed session is judged again, and that a
// session is not resumed under other terms.
func TestSessions(t *testing.T) {
	ca := authority.New(t)
	server := &tls.Config{Certificates: []tls.Certificate{ca.ECDSA(t, host)}}
	server.SetSessionTicketKeys([][32]byte{{1}})
	sessions := NewSessions(10)
	terms := Terms{Level: Verify, Policy: Verify.Policy(), Roots: ca.Pool, ServerName: host, Match: []string{host}}
	for i, want := range []bool{false, true} {
		terms.Sessions = sessions.For(terms, host)
		if v, state, err := shake(t, terms, server); err != nil || state.DidResume != want || v.Trust != Verified {
			t.Errorf("handshake %d: %s, %v", i, v.Trust, err)
		}
	}
	other := terms
	other.Match = []string{"example.net", host}
	other.Sessions = sessions.For(other, host)
	if _, state, err := shake(t, other, server); err != nil || state.DidResume {
		t.Errorf("resumed under other terms (%v)", err)
	}
	terms.Roots = x509.NewCertPool()
	if _, _, err := shake(t, terms, server); err == nil {
		t.Error("a resumed session escapes the look at its certificate")
	}
}

// TestClientCertificate checks that a server that asks for a client certificate
// receives ours.
func TestClientCertificate(t *testing.T) {
	ca := authority.New(t)
	own := ca.Client(t, "mail.example.com")
	var seen []*x509.Certificate
	server := &tls.Config{
		Certificates: []tls.Certificate{ca.ECDSA(t, host)}, ClientAuth: tls.RequireAnyClientCert,
		VerifyConnection: func(state tls.ConnectionState) error { seen = state.PeerCertificates; return nil },
	}
	terms := Terms{Level: May, Policy: May.Policy(), ServerName: host, Roots: ca.Pool, Certificate: &own}
	if _, _, err := shake(t, terms, server); err != nil || len(seen) == 0 || !seen[0].Equal(own.Leaf) {
		t.Errorf("shown %d, %v", len(seen), err)
	}
}

func TestClassicalGroups(t *testing.T) {
	terms := Terms{Policy: May.Policy()}
	if !terms.Hybrid() {
		t.Error("there is nothing hybrid at may")
	}
	terms.Classical = true
	c := terms.Config(new(Verdict))
	if terms.Hybrid() || len(c.CurvePreferences) == 0 {
		t.Error(c.CurvePreferences)
	}
	for _, g := range c.CurvePreferences {
		if strings.Contains(g.String(), "MLKEM") {
			t.Errorf("%s is left", g)
		}
	}
	if (Terms{Policy: tlspolicy.Policy{Groups: []tlspolicy.Group{tlspolicy.Group(tls.X25519MLKEM768)}}}).Hybrid() {
		t.Error("nothing would be left")
	}
}

func TestLevels(t *testing.T) {
	for i, name := range Levels() {
		var l Level
		if err := l.UnmarshalText([]byte(name)); err != nil || l != Level(i) || l.String() != name || l.Required() != (l >= Encrypt) {
			t.Errorf("%s: %s, %v", name, l, err)
		}
		if p := l.Policy(); p.Name == "" {
			t.Errorf("%s has no policy", name)
		}
	}
	var l Level
	if err := l.UnmarshalText([]byte("always")); err == nil || !strings.Contains(err.Error(), "dane-only") {
		t.Error(err)
	}
}

func TestNames(t *testing.T) {
	got := Names([]string{"hostname", "nexthop", "dot-nexthop", ".lan"}, "mx.example.net", "example.com")
	if strings.Join(got, " ") != "mx.example.net example.com .example.com .lan" {
		t.Error(got)
	}
	if strings.Join(Verify.Match(), " ") != "hostname" || strings.Join(Secure.Match(), " ") != "nexthop dot-nexthop" {
		t.Error(Verify.Match(), Secure.Match())
	}
}

func TestSum(t *testing.T) {
	sum := SumOf([]byte("x"))
	for _, text := range []string{sum.String(), strings.ToLower(strings.ReplaceAll(sum.String(), ":", ""))} {
		var read Sum
		if err := read.UnmarshalText([]byte(text)); err != nil || read != sum {
			t.Errorf("%s: %v", text, err)
		}
	}
	if err := new(Sum).UnmarshalText([]byte("AB:CD")); err == nil {
		t.Error("two bytes")
	}
}
