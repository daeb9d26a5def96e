package page

import (
	"crypto/tls"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestClean(t *testing.T) {
	for word, want := range map[string]string{
		"":                       "",
		"alice@example.com":      "alice@example.com",
		"grün":                   "grün",
		"a\r\nb\x00":             "a\uFFFD\uFFFDb\uFFFD",
		"\xff":                   "\uFFFD",
		"a\u202eb\u200d":         "a\uFFFDb\uFFFD",
		strings.Repeat("x", 64):  strings.Repeat("x", 64),
		strings.Repeat("é", 900): strings.Repeat("é", 64) + "…",
	} {
		expect(t, word, clean(word, maxName), want)
	}
}

func TestOneOf(t *testing.T) {
	expect(t, "known", oneOf(mechanisms, "scram-sha-256"), "SCRAM-SHA-256")
	expect(t, "unknown", oneOf(mechanisms, "SCRAM-SHA-9000"), other)
	expect(t, "empty", oneOf(commands, ""), other)
}

func TestParameters(t *testing.T) {
	for _, c := range []struct {
		state *tls.ConnectionState
		want  parameters
	}{
		{nil, parameters{version: none}},
		{tls13(), parameters{"TLSv1.3", "TLS_AES_128_GCM_SHA256", "X25519MLKEM768"}},
		{&tls.ConnectionState{Version: tls.VersionTLS10, CipherSuite: tls.TLS_RSA_WITH_AES_256_CBC_SHA}, parameters{"TLSv1", "AES256-SHA", "RSA"}},
		{&tls.ConnectionState{Version: tls.VersionTLS12, CipherSuite: tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, CurveID: tls.CurveP256},
			parameters{"TLSv1.2", "ECDHE-ECDSA-AES128-GCM-SHA256", "P-256"}},
		{&tls.ConnectionState{Version: tls.VersionTLS13 + 1, CipherSuite: 0xfefe, CurveID: 0xfefe}, parameters{other, other, other}},
	} {
		expect(t, "parameters", parametersOf(c.state), c.want)
	}
}

func FuzzClean(f *testing.F) {
	f.Add("alice")
	f.Add("a\x00\u202e\xff")
	f.Add(strings.Repeat("é", maxName+1))
	f.Fuzz(func(t *testing.T, word string) {
		got := clean(word, maxName)
		if n := utf8.RuneCountInString(got); n > maxName+1 || !utf8.ValidString(got) {
			t.Errorf("%q becomes %q", word, got)
		}
		for _, r := range got {
			if !unicode.IsPrint(r) && r != unicode.ReplacementChar {
				t.Errorf("%q keeps %U", word, r)
			}
		}
		if again := clean(got, maxName); utf8.RuneCountInString(got) <= maxName && again != got {
			t.Errorf("%q becomes %q, then %q", word, got, again)
		}
	})
}
