package tlspolicy

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

func mustNamed(t *testing.T, name string) Policy {
	t.Helper()
	p, err := Named(name)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestNamed(t *testing.T) {
	for _, name := range Names() {
		if p := mustNamed(t, name); p.Name != name || p.About == "" || len(p.Groups) == 0 {
			t.Errorf("%s is %+v", name, p)
		}
	}
	if _, err := Named("high"); err == nil || !strings.Contains(err.Error(), "modern, strict, compat, opportunistic, opportunistic-wide") {
		t.Errorf("the error does not name the policies: %v", err)
	}
}

// TestPoliciesAreNested checks that each policy allows everything that the next
// stricter one allows.
func TestPoliciesAreNested(t *testing.T) {
	for i, wide := range builtin[1:] {
		tight := builtin[i]
		for _, s := range tight.Suites {
			if !slices.Contains(wide.Suites, s) {
				t.Errorf("%s has %s, %s has not", tight.Name, s, wide.Name)
			}
		}
		for _, g := range tight.Groups {
			if !slices.Contains(wide.Groups, g) {
				t.Errorf("%s has %s, %s has not", tight.Name, g, wide.Name)
			}
		}
		if wide.Min > tight.Min || wide.Max < tight.Max {
			t.Errorf("%s has versions that %s has not", tight.Name, wide.Name)
		}
	}
}

// TestConfigIsExplicit checks that Config sets every field that crypto/tls would
// otherwise fill in from GODEBUG or from the defaults of the Go release.
func TestConfigIsExplicit(t *testing.T) {
	for _, p := range builtin {
		c := p.Config("imap")
		if c.MinVersion == 0 || c.MaxVersion == 0 || len(c.CurvePreferences) == 0 || p.Min < VersionTLS13 && len(c.CipherSuites) == 0 {
			t.Errorf("%s leaves something to crypto/tls: %+v", p.Name, c)
		}
		if !slices.Equal(c.NextProtos, []string{"imap"}) || !c.DynamicRecordSizingDisabled || c.KeyLogWriter != nil || c.Renegotiation != tls.RenegotiateNever {
			t.Errorf("%s: %+v", p.Name, c)
		}
		if again := p.Config("imap"); again == c || &again.CipherSuites == &c.CipherSuites {
			t.Errorf("%s hands out one configuration twice", p.Name)
		}
	}
}

// TestAuthAllowed checks which sessions may carry a password, also under
// policies that allow weaker sessions.
func TestAuthAllowed(t *testing.T) {
	const (
		gcm    = tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256
		cbc    = tls.TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA
		static = tls.TLS_RSA_WITH_AES_256_GCM_SHA384
		tdes   = tls.TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA
	)
	tests := []struct {
		version, suite uint16
		strong, compat bool // everywhere, and under compat
	}{
		{tls.VersionTLS13, tls.TLS_AES_128_GCM_SHA256, true, true},
		{tls.VersionTLS12, gcm, true, true},
		{tls.VersionTLS12, tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, true, true},
		{tls.VersionTLS12, cbc, false, true},
		{tls.VersionTLS12, static, false, false},
		{tls.VersionTLS12, tdes, false, false},
		{tls.VersionTLS11, cbc, false, false},
		{tls.VersionTLS10, cbc, false, false},
		{tls.VersionTLS10, static, false, false},
	}
	for _, tt := range tests {
		state := &tls.ConnectionState{Version: tt.version, CipherSuite: tt.suite}
		for _, p := range builtin {
			want := tt.strong
			if p.Name == "compat" {
				want = tt.compat
			}
			if p.AuthAllowed(state) != want {
				t.Errorf("%s, %s, %s: strong is %v", p.Name, Version(tt.version), Suite(tt.suite), !want)
			}
		}
	}
	if p := mustNamed(t, "compat"); p.AuthAllowed(nil) || p.Allows(nil) {
		t.Error("plaintext is strong")
	}
}

// TestBeforeTLS12 compares the suites known before TLS 1.2 with crypto/tls.
func TestBeforeTLS12(t *testing.T) {
	for _, known := range slices.Concat(tls.CipherSuites(), tls.InsecureCipherSuites()) {
		s := Suite(known.ID)
		if i := slices.IndexFunc(suiteNames, func(n suiteName) bool { return n.suite == s }); i < 0 {
			continue
		}
		if want := slices.Contains(known.SupportedVersions, tls.VersionTLS10); s.BeforeTLS12() != want {
			t.Errorf("%s: %v, want %v", s, !want, want)
		}
	}
}

func TestHybrid(t *testing.T) {
	want := []Group{Group(tls.X25519), Group(tls.CurveP256), Group(tls.CurveP384), Group(tls.CurveP521)}
	if got := Classical(groups2); !slices.Equal(got, want) {
		t.Errorf("the classical groups are %v", got)
	}
}

func TestDescribe(t *testing.T) {
	for want, state := range map[string]tls.ConnectionState{
		"TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits), X25519": {Version: tls.VersionTLS13, CipherSuite: tls.TLS_AES_256_GCM_SHA384, CurveID: tls.X25519},
		"TLSv1 with cipher AES128-SHA (128/128 bits), RSA":                  {Version: tls.VersionTLS10, CipherSuite: tls.TLS_RSA_WITH_AES_128_CBC_SHA},
		"TLSv1.2 with cipher 0x9999, P-256":                                 {Version: tls.VersionTLS12, CipherSuite: 0x9999, CurveID: tls.CurveP256},
	} {
		if got := Describe(&state) + ", " + KeyExchange(&state); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestRank(t *testing.T) {
	const (
		ecdsaGCM = tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256
		rsaGCM   = tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256
		ecdsaCBC = tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA
		rsaCBC   = tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA
		static   = tls.TLS_RSA_WITH_AES_128_CBC_SHA
	)
	tests := []struct {
		name    string
		policy  string
		version uint16 // the client's best
		suites  []uint16
		want    x509.PublicKeyAlgorithm // 0: neither
	}{
		{"TLS 1.3 says nothing of certificates", "strict", tls.VersionTLS13, []uint16{tls.TLS_AES_128_GCM_SHA256, rsaGCM}, x509.ECDSA},
		{"both as good", "strict", tls.VersionTLS12, []uint16{rsaGCM, ecdsaGCM}, x509.ECDSA},
		{"RSA alone", "strict", tls.VersionTLS12, []uint16{rsaGCM}, x509.RSA},
		{"GCM with RSA before CBC with ECDSA", "compat", tls.VersionTLS12, []uint16{ecdsaCBC, rsaGCM}, x509.RSA},
		{"a suite that the policy lacks does not count", "strict", tls.VersionTLS12, []uint16{ecdsaCBC, rsaGCM}, x509.RSA},
		{"GCM does not exist in TLS 1.0", "opportunistic", tls.VersionTLS10, []uint16{rsaGCM, static, ecdsaCBC}, x509.ECDSA},
		{"static RSA last", "opportunistic", tls.VersionTLS10, []uint16{static}, x509.RSA},
		{"nothing", "strict", tls.VersionTLS12, []uint16{rsaCBC, static}, 0},
	}
	for _, tt := range tests {
		p := mustNamed(t, tt.policy)
		hello := &tls.ClientHelloInfo{CipherSuites: tt.suites}
		for v := uint16(tls.VersionTLS10); v <= tt.version; v++ {
			hello.SupportedVersions = append(hello.SupportedVersions, v)
		}
		ec, rs := p.Rank(hello, x509.ECDSA), p.Rank(hello, x509.RSA)
		got := x509.PublicKeyAlgorithm(0)
		switch {
		case ec > rs:
			got = x509.ECDSA
		case rs > ec:
			got = x509.RSA
		case ec != 0:
			t.Errorf("%s: both rank %d", tt.name, ec)
		}
		if got != tt.want {
			t.Errorf("%s: ECDSA ranks %d, RSA %d", tt.name, ec, rs)
		}
	}
	// Under a policy that ends at TLS 1.2, a client of 1.3 is one of 1.2.
	p := mustNamed(t, "strict")
	p.Max = VersionTLS12
	hello := &tls.ClientHelloInfo{SupportedVersions: []uint16{tls.VersionTLS13, tls.VersionTLS12}, CipherSuites: []uint16{rsaGCM}}
	if p.Rank(hello, x509.ECDSA) != 0 || p.Rank(hello, x509.RSA) == 0 {
		t.Error("the suites of TLS 1.2 do not count under a policy without 1.3")
	}
}

// TestAllows checks that each policy allows what it negotiates, according to
// testdata/suites.txt and testdata/groups.txt.
func TestAllows(t *testing.T) {
	table, err := os.ReadFile("testdata/suites.txt")
	if err != nil {
		t.Fatal(err)
	}
	agreed := map[string]bool{}
	for line := range strings.Lines(string(table)) {
		agreed[strings.Join(strings.Fields(line), " ")] = true
	}
	for _, p := range builtin {
		for _, n := range suiteNames {
			for v := VersionTLS10; v <= VersionTLS13; v++ {
				exists := v >= VersionTLS12 || n.suite.BeforeTLS12()
				if slices.Contains(suite13, n.suite) != (v == VersionTLS13) || !exists {
					continue // there is no such session
				}
				state := &tls.ConnectionState{Version: uint16(v), CipherSuite: uint16(n.suite), CurveID: tls.CurveP256}
				want := agreed[fmt.Sprintf("%s %s %s", p.Name, v, n.suite)]
				if n.openssl[:3] == "DES" || n.openssl[:3] == "AES" {
					state.CurveID = 0
				}
				if p.Allows(state) != want {
					t.Errorf("%s, %s, %s: allowed is %v", p.Name, v, n.suite, !want)
				}
			}
		}
		for _, g := range groups2 {
			state := &tls.ConnectionState{Version: tls.VersionTLS13, CipherSuite: tls.TLS_AES_128_GCM_SHA256, CurveID: tls.CurveID(g)}
			if p.Allows(state) != slices.Contains(p.Groups, g) {
				t.Errorf("%s, %s", p.Name, g)
			}
		}
	}
}
