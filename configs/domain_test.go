package configs

import (
	"errors"
	"strings"
	"testing"
)

func TestLegalDomain(t *testing.T) {
	label := strings.Repeat("a", 63)
	tests := []struct {
		name string
		want error
	}{
		{"example.com", nil},
		{"EXAMPLE.com", nil},
		{"localhost", nil},
		{"xn--mnchen-3ya.example", nil},
		{"3com.example", nil},
		{label + "." + label + "." + label + ".com", nil},
		{"", errDomainEmpty},
		{"münchen.example", errDomainUTF8},
		{strings.Repeat("a.", 127), errDomainLong},
		{label + "a.example", errDomainLabel},
		{"a..b", errDomainLabel},
		{"example.com.", errDomainLabel},
		{"-a.example", errDomainLabel},
		{"a-.example", errDomainLabel},
		{"a_b.example", errDomainLabel},
		{"a b.example", errDomainLabel},
		{"a[.example", errDomainLabel}, // next to Z and z in ASCII
		{"a@.example", errDomainLabel},
		{"a{.example", errDomainLabel},
		{"a`.example", errDomainLabel},
		{"a\x00.example", errDomainLabel},
	}
	for _, tt := range tests {
		if err := legalDomain(tt.name); !errors.Is(err, tt.want) {
			t.Errorf("%q: %v, want %v", tt.name, err, tt.want)
		}
	}
}

func TestLegalRecipient(t *testing.T) {
	tests := []struct {
		entry string
		want  error
	}{
		{"example.com", nil},
		{".example.com", nil},
		{"info@example.com", nil},
		{"o'neil+tag@example.com", nil},
		{"büro@example.com", nil},
		{`"a@b"@example.com`, nil},
		{"@example.com", errLocalPart},
		{"a b@example.com", errLocalPart},
		{"<a@example.com", errLocalPart},
		{"a\r\n@example.com", errLocalPart},
		{strings.Repeat("x", 65) + "@example.com", errLocalPart},
		{"info@", errDomainEmpty},
		{"info@.example.com", errDomainLabel},
		{"..example.com", errDomainLabel},
		{".", errDomainLabel},
		{"*", errDomainLabel},
	}
	for _, tt := range tests {
		if err := legalRecipient(tt.entry); !errors.Is(err, tt.want) {
			t.Errorf("%q: %v, want %v", tt.entry, err, tt.want)
		}
	}
}

func TestFoldDomain(t *testing.T) {
	for entry, want := range map[string]string{
		"EXAMPLE.com":      "example.com",
		".EXAMPLE.com":     ".example.com",
		"Info@EXAMPLE.com": "Info@example.com",
	} {
		if got := foldDomain(entry); got != want {
			t.Errorf("%s became %s", entry, got)
		}
	}
}
