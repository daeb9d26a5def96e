package gate

import (
	"net/netip"
	"strings"
	"testing"
)

func TestXtext(t *testing.T) {
	cases := []struct {
		value, text string
		ok          bool
	}{
		{"mail.example.net", "mail.example.net", true},
		{"IPV6:2001:db8::1", "IPV6:2001:db8::1", true},
		{"[UNAVAILABLE]", "[UNAVAILABLE]", true},
		{"a+b=c d", "a+2Bb+3Dc+20d", true},
		{"jörg", "j+C3+B6rg", true},
		{"", "", true},
		{"a\r\nMAIL FROM:<>", "", false},
		{"a\x00b", "", false},
		{"a\tb", "", false},
		{"a\x7fb", "", false},
	}
	for _, c := range cases {
		if text, ok := Xtext(c.value); text != c.text || ok != c.ok {
			t.Errorf("Xtext(%q) = %q, %v; hoped for %q, %v", c.value, text, ok, c.text, c.ok)
		}
	}
}

func FuzzXtext(f *testing.F) {
	f.Add("a+b=c d\r\n")
	f.Fuzz(func(t *testing.T, value string) {
		text, ok := Xtext(value)
		if ok && strings.ContainsFunc(text, func(c rune) bool { return c <= ' ' || c > '~' || c == '=' }) {
			t.Errorf("%q became %q", value, text)
		}
	})
}

func TestOriginating(t *testing.T) {
	s := &Session{
		Client: netip.MustParseAddrPort("[::ffff:192.0.2.1]:4321"),
		Local:  netip.MustParseAddrPort("[fe80::1%eth0]:25"),
	}
	if address, port := s.Originating(); address != "192.0.2.1" || port != "4321" {
		t.Errorf("the client is %s %s", address, port)
	}
	if address, port := s.Connected(); address != "fe80::1" || port != "25" {
		t.Errorf("the client connected to %s %s", address, port)
	}
	if name := s.ClientName(); name != (Name{}) {
		t.Errorf("without a lookup, the name is %v", name)
	}
}
