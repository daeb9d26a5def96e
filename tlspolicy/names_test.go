package tlspolicy

import (
	"crypto/tls"
	"slices"
	"strings"
	"testing"
)

func TestVersionNames(t *testing.T) {
	for text, want := range map[string]Version{
		"1.0": VersionTLS10, "1.1": VersionTLS11, "1.2": VersionTLS12, "1.3": VersionTLS13,
		"TLSv1.2": VersionTLS12, "TLS 1.3": VersionTLS13, "tlsv1.1": VersionTLS11,
	} {
		var v Version
		if err := v.UnmarshalText([]byte(text)); err != nil || v != want {
			t.Errorf("%s: %v, %v", text, v, err)
		}
	}
	for _, text := range []string{"", "1", "1.4", "SSLv3", "3.0", "TLS", "12"} {
		var v Version
		if err := v.UnmarshalText([]byte(text)); err == nil || !strings.Contains(err.Error(), "1.0, 1.1, 1.2, 1.3") {
			t.Errorf("%q was taken for %v, %v", text, v, err)
		}
	}
	for v, want := range map[Version]string{VersionTLS10: "TLSv1", VersionTLS11: "TLSv1.1", VersionTLS13: "TLSv1.3", 0x0300: "TLS(0x0300)", 0: "TLS(0x0000)"} {
		if v.String() != want {
			t.Errorf("%#x is called %s, want %s", uint16(v), v, want)
		}
	}
}

func TestGroupNames(t *testing.T) {
	for _, g := range groups2 {
		for _, text := range []string{g.String(), strings.ToLower(g.String()), strings.ReplaceAll(g.String(), "-", "")} {
			var got Group
			if err := got.UnmarshalText([]byte(text)); err != nil || got != g {
				t.Errorf("%s: %v, %v", text, got, err)
			}
		}
	}
	for _, text := range []string{"", "X448", "ffdhe2048", "P-224", "brainpoolP256r1"} {
		var g Group
		if err := g.UnmarshalText([]byte(text)); err == nil || !strings.Contains(err.Error(), "X25519MLKEM768") {
			t.Errorf("%q was taken for %v, %v", text, g, err)
		}
	}
}

func TestSuiteNames(t *testing.T) {
	for _, s := range slices.Concat(suitesA, suitesB, suitesC, suitesD) {
		for _, text := range []string{s.String(), strings.ToLower(s.String()), tls.CipherSuiteName(uint16(s))} {
			var got Suite
			if err := got.UnmarshalText([]byte(text)); err != nil || got != s {
				t.Errorf("%s: %v, %v", text, got, err)
			}
		}
		if s.Bits() == 0 || strings.HasPrefix(s.String(), "TLS_") {
			t.Errorf("%s has no name or no strength", s)
		}
	}
	for _, s := range suite13 {
		var got Suite
		if err := got.UnmarshalText([]byte(s.String())); err == nil || !strings.Contains(err.Error(), "always on") {
			t.Errorf("%s can be chosen: %v", s, err)
		}
	}
	for _, text := range []string{"", "RC4-SHA", "NULL-SHA", "ADH-AES128-SHA", "HIGH", "TLS_RSA_WITH_RC4_128_SHA"} {
		var s Suite
		if err := s.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q was taken for %v", text, s)
		}
	}
	if s := Suite(0x9999); s.Bits() != 0 || s.String() != "0x9999" {
		t.Errorf("an unknown suite is called %s", s)
	}
}
