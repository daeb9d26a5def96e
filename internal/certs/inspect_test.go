package certs

import (
	"crypto/tls"
	"crypto/x509"
	"strings"
	"testing"
	"time"
)

const day24 = 24 * time.Hour

func TestInspectionFindsInWords(t *testing.T) {
	h := newHierarchy(t)
	const name = "mail.example.com"
	issue := func(change func(*x509.Certificate)) *entity {
		return h.intermediate.issue(t, name, ecdsaKey(t), func(c *x509.Certificate) {
			server(name)(c)
			change(c)
		})
	}
	var nobody *entity
	own := newHierarchy(t)
	small := h.intermediate.issue(t, name, rsaKey(t, 1024), server(name))
	for what, tt := range map[string]struct {
		chain []*entity // the leaf first, in the file's order if file is nil
		roots bool
		want  string // empty: nothing at all
	}{
		"nothing to say":         {[]*entity{h.leaf(t, name), h.intermediate}, true, ""},
		"nothing, with the root": {[]*entity{h.leaf(t, name), h.intermediate, h.root}, true, ""},
		"nothing, roots unknown": {[]*entity{h.leaf(t, name), h.intermediate}, false, ""},
		"a wildcard will do":     {[]*entity{h.leaf(t, "*.example.com"), h.intermediate}, true, ""},
		"expired":                {[]*entity{issue(func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-day24) }), h.intermediate}, true, "has expired on "},
		"expires soon":           {[]*entity{issue(func(c *x509.Certificate) { c.NotAfter = time.Now().Add(3*day24 + time.Hour) }), h.intermediate}, true, ""},
		"expires, of a long life": {[]*entity{issue(func(c *x509.Certificate) {
			c.NotBefore = time.Now().Add(-86 * day24)
			c.NotAfter = time.Now().Add(4*day24 + time.Hour)
		}), h.intermediate}, true, ", in 4 days"},
		"not yet":         {[]*entity{issue(func(c *x509.Certificate) { c.NotBefore = time.Now().Add(day24) }), h.intermediate}, true, "is the clock right?"},
		"no name":         {[]*entity{issue(func(c *x509.Certificate) { c.DNSNames = nil }), h.intermediate}, true, "no subjectAltName"},
		"another name":    {[]*entity{h.leaf(t, "www.example.com", "example.com"), h.intermediate}, true, "no certificate is for the hostname mail.example.com; they are for www.example.com, example.com"},
		"a client's":      {[]*entity{issue(func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} }), h.intermediate}, true, "lacks serverAuth"},
		"small key":       {[]*entity{small, h.intermediate}, true, "its RSA key has 1024 bits"},
		"self-signed":     {[]*entity{nobody.issue(t, name, ecdsaKey(t), server(name))}, true, "is self-signed"},
		"no intermediate": {[]*entity{h.leaf(t, name)}, true, `from "test intermediate", which is neither in the file nor a root`},
		"no intermediate, roots unknown": {[]*entity{issue(func(c *x509.Certificate) { c.IssuingCertificateURL = []string{"http://ca.example/i.der"} })}, false,
			`clients that do not know "test intermediate" will refuse (http://ca.example/i.der)`},
		"an authority of one's own": {[]*entity{newHierarchy(t).leaf(t, name)}, true, "if it is your own authority"},
		"with its root":             {[]*entity{own.leaf(t, name), own.intermediate, own.root}, true, "the chain ends with the root"},
		"wrong order":               {[]*entity{h.intermediate, h.leaf(t, name)}, true, "another order than the file's, which should begin with the certificate of mail.example.com"},
		"unrelated":                 {[]*entity{h.leaf(t, name), h.intermediate, newHierarchy(t).root}, true, "of its 3 certificates 1 have no part in the chain"},
	} {
		t.Run(what, func(t *testing.T) {
			leaf := tt.chain[0]
			if leaf == h.intermediate {
				leaf = tt.chain[1]
			}
			f := put(t, t.TempDir(), certPEM(tt.chain...), keyPEM(t, leaf.key))
			c, err := f.Load()
			if err != nil {
				t.Fatal(err)
			}
			in := Inspection{Hostname: name, Now: time.Now()}
			if tt.roots {
				in.Roots = h.pool()
			}
			findings := in.Files([]File{f}, []tls.Certificate{c})
			switch {
			case tt.want == "" && len(findings) > 0:
				t.Errorf("%v", findings)
			case tt.want != "" && (len(findings) != 1 || !strings.Contains(findings[0].String(), tt.want)) && what != "no name":
				t.Errorf("%v; want %q alone", findings, tt.want)
			case what == "no name" && (len(findings) != 2 || !strings.Contains(findings[0].String(), tt.want)):
				t.Errorf("%v; want %q, and that nothing is for the hostname", findings, tt.want)
			}
		})
	}
}

// An empty pool is that of a container without root certificates: it says
// nothing about clients.
func TestNoRootsAreUnknownRoots(t *testing.T) {
	h := newHierarchy(t)
	in := Inspection{Hostname: "mail.example.com", Roots: x509.NewCertPool(), Now: time.Now()}
	in.Certificate(h.pair(t, h.leaf(t, "mail.example.com")), func(format string, args ...any) { t.Errorf(format, args...) })
}

func TestFacts(t *testing.T) {
	h := newHierarchy(t)
	names := []string{"a.example.com", "b.example.com", "c.example.com", "d.example.com", "e.example.com", "f.example.com", "g.example.com", "h.example.com", "i.example.com"}
	now := time.Now()
	for _, tt := range []struct {
		c    tls.Certificate
		want []string
	}{
		{h.pair(t, h.leaf(t, names...)), []string{"ECDSA P-256 for a.example.com, ", "h.example.com and 1 more, from test intermediate, until ", "chain of 2", "(88 days)"}},
		{h.pair(t, h.intermediate.issue(t, "x", rsaKey(t, 2048), func(*x509.Certificate) {})), []string{"RSA 2048 for no name"}},
	} {
		got := Facts(tt.c, now)
		for _, want := range tt.want {
			if !strings.Contains(got, want) {
				t.Errorf("%s; want %q in it", got, want)
			}
		}
	}
}
