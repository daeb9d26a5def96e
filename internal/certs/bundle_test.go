package certs

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// putBundle writes a file of authorities.
func putBundle(t *testing.T, text []byte) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(name, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestBundles(t *testing.T) {
	one, two := newHierarchy(t), newHierarchy(t)
	both := certPEM(one.root, two.root)
	want := x509.NewCertPool()
	want.AddCert(one.root.cert)
	want.AddCert(two.root.cert)
	for name, text := range map[string][]byte{
		"as it should be":   both,
		"another order":     certPEM(two.root, one.root),
		"twice":             append(slices.Clone(both), both...),
		"comments":          slices.Concat([]byte("Root One\n========\n"), certPEM(one.root), []byte("\n# Root Two: \"Two\"\n"), certPEM(two.root), []byte("\n# the end\n")),
		"lines end in CRLF": bytes.ReplaceAll(both, []byte("\n"), []byte("\r\n")),
	} {
		b, err := ReadBundle(putBundle(t, text))
		if err != nil || !b.Pool.Equal(want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Whatever is not an authority is named, with its line: what a lenient reader
// would leave out is missed when it is needed.
func TestBundlesAreReadStrictly(t *testing.T) {
	h := newHierarchy(t)
	good := certPEM(h.root)
	then := func(text string) []byte { return append(slices.Clone(good), text...) }
	kind := func(name string) []byte {
		return then(string(pem.EncodeToMemory(&pem.Block{Type: name, Bytes: []byte("x")})))
	}
	for name, tt := range map[string]struct {
		text []byte
		want string
	}{
		"half a certificate":  {then(string(good[:len(good)/2])), "the PEM block at line 11 is damaged or cut off"},
		"half before another": {append(slices.Clone(good[:len(good)/2]), good...), "the PEM block at line 1 is damaged"},
		"a damaged letter":    {then(strings.Replace(string(good), "M", "*", 1)), "the PEM block at line 11 is damaged"},
		"an end alone":        {then("-----END CERTIFICATE-----\n"), "the PEM block at line 11 is damaged"},
		"text at the end":     {then("\ntrailing words\n"), "line 12 stands behind the last certificate and is not part of one"},
		"base64 at the end":   {then("MIIBszCCAVqgAwIBAgIQ\n"), "line 11 stands behind the last certificate"},
		"a key":               {kind("PRIVATE KEY"), "line 11 begins a PRIVATE KEY, where only a CERTIFICATE may stand"},
		"a CRL":               {kind("X509 CRL"), "line 11 begins a X509 CRL"},
		"a trusted one":       {kind("TRUSTED CERTIFICATE"), "line 11 begins a TRUSTED CERTIFICATE"},
		"no certificate":      {kind("CERTIFICATE"), "the certificate at line 11 cannot be read"},
		"nothing":             {nil, "the file is empty"},
		"DER":                 {h.root.cert.Raw, "the file is not PEM"},
		"huge":                {append(bytes.Repeat([]byte("#\n"), maxPEM/2), good...), "larger than 1 MiB"},
	} {
		if _, err := ReadBundle(putBundle(t, tt.text)); err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), "ca.pem: ") {
			t.Errorf("%s: %v; want %q", name, err, tt.want)
		}
	}
}

// The sum tells contents apart.
func TestSumsOfBundles(t *testing.T) {
	h := newHierarchy(t)
	first, err := ReadBundle(putBundle(t, certPEM(h.root)))
	if err != nil {
		t.Fatal(err)
	}
	again, err := ReadBundle(putBundle(t, certPEM(h.root)))
	if err != nil {
		t.Fatal(err)
	}
	other, err := ReadBundle(putBundle(t, certPEM(h.intermediate)))
	if err != nil || first.Sum != again.Sum || first.Sum == other.Sum {
		t.Errorf("%x, %x, %x, %v", first.Sum, again.Sum, other.Sum, err)
	}
}
