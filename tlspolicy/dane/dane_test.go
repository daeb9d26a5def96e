package dane

import (
	"bytes"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"testing"

	"github.com/letterlock/letterlock/internal/test/authority"
)

func chain(t *testing.T) []*x509.Certificate {
	t.Helper()
	var all []*x509.Certificate
	for _, der := range authority.New(t).ECDSA(t, "mail.example.com").Certificate {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, c)
	}
	return all
}

func TestMatches(t *testing.T) {
	c, other := chain(t), chain(t)
	leaf, ca := c[0], c[1]
	key256, cert512, ca256 := sha256.Sum256(leaf.RawSubjectPublicKeyInfo), sha512.Sum512(leaf.Raw), sha256.Sum256(ca.Raw)
	tests := map[string]struct {
		record TLSA
		want   bool
	}{
		"ours":                     {Of(leaf), true},
		"3 1 1":                    {TLSA{3, 1, 1, key256[:]}, true},
		"3 0 2":                    {TLSA{3, 0, 2, cert512[:]}, true},
		"3 1 0":                    {TLSA{3, 1, 0, leaf.RawSubjectPublicKeyInfo}, true},
		"2 0 1":                    {TLSA{2, 0, 1, ca256[:]}, true},
		"the leaf is no anchor":    {TLSA{2, 1, 1, key256[:]}, false},
		"the anchor is no leaf":    {TLSA{3, 0, 1, ca256[:]}, false},
		"PKIX usages":              {TLSA{1, 1, 1, key256[:]}, false},
		"another key":              {Of(other[0]), false},
		"another selector":         {TLSA{3, 0, 1, key256[:]}, false},
		"unknown selector":         {TLSA{3, 2, 1, key256[:]}, false},
		"unknown matching":         {TLSA{3, 1, 3, key256[:]}, false},
		"cut short":                {TLSA{3, 1, 1, key256[:31]}, false},
		"the hash under full data": {TLSA{3, 1, 0, key256[:]}, false},
	}
	for name, tt := range tests {
		if got := tt.record.Matches(c); got != tt.want {
			t.Errorf("%s: %t", name, got)
		}
	}
	if Of(leaf).Matches(nil) {
		t.Error("no chain is matched")
	}
}

// The record of a key is that of its later certificate.
func TestOfKey(t *testing.T) {
	leaf := chain(t)[0]
	if got, err := OfKey(leaf.PublicKey); err != nil || !got.Equal(Of(leaf)) {
		t.Errorf("%s, %v, want %s", got, err, Of(leaf))
	}
	if _, err := OfKey("no key"); err == nil {
		t.Error("a text is taken for a key")
	}
}

func TestForms(t *testing.T) {
	record, err := Parse([]byte{3, 1, 1, 0xab, 0xcd})
	if err != nil || record.String() != "3 1 1 abcd" || !record.Equal(TLSA{3, 1, 1, []byte{0xab, 0xcd}}) {
		t.Errorf("%s, %v", record, err)
	}
	if _, err := Parse([]byte{3, 1, 1}); err == nil {
		t.Error("a record without data")
	}
	if got := Name(25, "mail.example.com"); got != "_25._tcp.mail.example.com." {
		t.Error(got)
	}
}

func TestUsable(t *testing.T) {
	leaf := chain(t)[0]
	for name, tt := range map[string]struct {
		record TLSA
		want   bool
	}{
		"3 1 1":                {Of(leaf), true},
		"2 0 2":                {TLSA{2, 0, 2, make([]byte, 64)}, true},
		"3 0 0":                {TLSA{3, 0, 0, leaf.Raw}, true},
		"3 1 0":                {TLSA{3, 1, 0, leaf.RawSubjectPublicKeyInfo}, true},
		"PKIX usages":          {TLSA{1, 1, 1, make([]byte, 32)}, false},
		"unknown usage":        {TLSA{4, 1, 1, make([]byte, 32)}, false},
		"unknown selector":     {TLSA{3, 2, 1, make([]byte, 32)}, false},
		"unknown matching":     {TLSA{3, 1, 3, make([]byte, 32)}, false},
		"a sum cut short":      {TLSA{3, 1, 1, make([]byte, 31)}, false},
		"no certificate":       {TLSA{3, 0, 0, []byte("certificate")}, false},
		"no key":               {TLSA{3, 1, 0, leaf.Raw}, false},
		"the zero value, none": {TLSA{}, false},
	} {
		if got := tt.record.Usable(); got != tt.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}

func TestAnchors(t *testing.T) {
	c, other := chain(t), chain(t)
	sum := sha256.Sum256(c[1].Raw)
	for name, tt := range map[string]struct {
		record TLSA
		want   *x509.Certificate // nil: none
	}{
		"in the chain":              {TLSA{2, 0, 1, sum[:]}, c[1]},
		"in the record":             {TLSA{2, 0, 0, other[1].Raw}, other[1]},
		"nowhere":                   {TLSA{2, 1, 0, other[1].RawSubjectPublicKeyInfo}, nil},
		"of another usage":          {TLSA{3, 0, 1, sum[:]}, nil},
		"the leaf is none":          {TLSA{2, 1, 0, c[0].RawSubjectPublicKeyInfo}, nil},
		"a record that is no proof": {TLSA{2, 0, 0, []byte("x")}, nil},
	} {
		got := tt.record.Anchors(c)
		if (len(got) > 0) != (tt.want != nil) || len(got) > 0 && !got[0].Equal(tt.want) {
			t.Errorf("%s: %d anchors", name, len(got))
		}
	}
	if (TLSA{2, 0, 1, sum[:]}).Anchors(nil) != nil {
		t.Error("anchors of no chain")
	}
}

// FuzzParse checks that a record is read completely or rejected, and that it
// matches only the certificates that it names.
func FuzzParse(f *testing.F) {
	certs := []*x509.Certificate{{Raw: []byte("whole"), RawSubjectPublicKeyInfo: []byte("key")}}
	f.Add([]byte{3, 1, 0, 'k', 'e', 'y'})
	f.Add([]byte{3, 1, 1})
	f.Add(append([]byte{3, 1, 1}, Of(certs[0]).Data...))
	f.Fuzz(func(t *testing.T, data []byte) {
		record, err := Parse(data)
		if err != nil {
			return
		}
		if again := append([]byte{record.Usage, record.Selector, record.Matching}, record.Data...); !bytes.Equal(again, data) {
			t.Fatalf("% x was read % x", data, again)
		}
		if record.Matches(certs) && (record.Usage != EndEntity || record.Selector > PublicKey || record.Matching > SHA512) {
			t.Fatalf("%s fits", record)
		}
	})
}
