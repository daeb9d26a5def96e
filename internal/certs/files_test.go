package certs

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestLoadPutsTheChainInOrder(t *testing.T) {
	h := newHierarchy(t)
	leaf := h.leaf(t, "mail.example.com")
	other := newHierarchy(t)
	want := [][]byte{leaf.cert.Raw, h.intermediate.cert.Raw}
	withRoot := append(slices.Clone(want), h.root.cert.Raw)
	dh := []byte("-----BEGIN DH PARAMETERS-----\nMAYCAQsCAQI=\n-----END DH PARAMETERS-----\n")
	for name, tt := range map[string]struct {
		chain []byte
		want  [][]byte
	}{
		"as it should be":      {certPEM(leaf, h.intermediate), want},
		"intermediate first":   {certPEM(h.intermediate, leaf), want},
		"with the root":        {certPEM(h.root, leaf, h.intermediate), withRoot},
		"twice":                {certPEM(leaf, h.intermediate, leaf, h.intermediate), want},
		"unrelated":            {certPEM(other.root, leaf, other.intermediate, h.intermediate), want},
		"text between":         {append([]byte("subject=CN = mail.example.com\n\n"), certPEM(leaf, h.intermediate)...), want},
		"key and DH beside it": {slices.Concat(keyPEM(t, leaf.key), certPEM(leaf, h.intermediate), dh), want},
		"lines end in CRLF":    {bytes.ReplaceAll(certPEM(leaf, h.intermediate), []byte("\n"), []byte("\r\n")), want},
		"leaf alone":           {certPEM(leaf), want[:1]},
		"byte order mark":      {append([]byte("\uFEFF"), certPEM(leaf, h.intermediate)...), want},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := put(t, t.TempDir(), tt.chain, keyPEM(t, leaf.key)).Load()
			if err != nil {
				t.Fatal(err)
			}
			if !slices.EqualFunc(c.Certificate, tt.want, slices.Equal) || !c.Leaf.Equal(leaf.cert) {
				t.Errorf("the chain has %d certificates and begins with %s", len(c.Certificate), called(c.Leaf))
			}
		})
	}
}

func TestLoadTakesEveryKindOfKey(t *testing.T) {
	h := newHierarchy(t)
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ec, rs := ecdsaKey(t), rsaKey(t, 2048)
	sec1, err := x509.MarshalECPrivateKey(ec)
	if err != nil {
		t.Fatal(err)
	}
	parameters := []byte("-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n")
	block := func(kind string, der []byte) []byte {
		return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
	}
	for name, text := range map[string][]byte{
		"ECDSA": keyPEM(t, ec), "ECDSA as openssl ecparam writes it": append(parameters, block("EC PRIVATE KEY", sec1)...),
		"RSA": keyPEM(t, rs), "RSA in PKCS #1": block("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(rs)), "Ed25519": keyPEM(t, ed),
	} {
		t.Run(name, func(t *testing.T) {
			leaf := h.intermediate.issue(t, "mail.example.com", ec, server("mail.example.com"))
			switch {
			case strings.HasPrefix(name, "RSA"):
				leaf = h.intermediate.issue(t, "mail.example.com", rs, server("mail.example.com"))
			case strings.HasPrefix(name, "Ed"):
				leaf = h.intermediate.issue(t, "mail.example.com", ed, server("mail.example.com"))
			}
			if _, err := put(t, t.TempDir(), certPEM(leaf), text).Load(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestLoadRefusesInWords(t *testing.T) {
	h := newHierarchy(t)
	leaf := h.leaf(t, "mail.example.com")
	chain, key := certPEM(leaf, h.intermediate), keyPEM(t, leaf.key)
	encrypted := pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: []byte("x")})
	old := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Headers: map[string]string{"Proc-Type": "4,ENCRYPTED", "DEK-Info": "AES-128-CBC,00"}, Bytes: []byte("x")})
	garbage := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("no certificate")})
	for name, tt := range map[string]struct {
		chain, key []byte
		want       string
	}{
		"key of another":       {chain, keyPEM(t, ecdsaKey(t)), "the first is for mail.example.com"},
		"swapped":              {key, chain, "the two files are swapped"},
		"no certificate":       {key, key, "cert.pem: the file has no certificate, but PRIVATE KEY"},
		"passphrase":           {chain, encrypted, "protected by a passphrase"},
		"passphrase, old form": {chain, old, "protected by a passphrase"},
		"cut off":              {chain[:len(chain)-40], key, "cert.pem: the PEM block at line 12 is damaged or cut off"},
		"cut off after one":    {append(certPEM(leaf), "-----BEGIN CERTI"...), key, "cert.pem: the PEM block at line 12 is damaged or cut off"},
		"key cut off":          {chain, key[:len(key)-40], "key.pem: the PEM block at line 1 is damaged"},
		"begin lost":           {append(certPEM(leaf), "MIIB\n-----END CERTIFICATE-----\n"...), key, "cert.pem: the PEM block at line 13 is damaged"},
		"indented":             {append([]byte(" "), chain...), key, "cert.pem: the PEM block at line 1 is damaged"},
		"empty":                {nil, key, "cert.pem: the file is empty"},
		"DER":                  {leaf.cert.Raw, key, "the file is not PEM"},
		"huge":                 {bytes.Repeat([]byte("#"), maxPEM+1), key, "larger than 1 MiB"},
		"damaged within":       {append(certPEM(leaf), garbage...), key, "certificate number 2 cannot be read"},
		"no key in it":         {chain, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte("no key")}), "the private key cannot be read"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := put(t, t.TempDir(), tt.chain, tt.key).Load()
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%v; want %q in it", err, tt.want)
			}
		})
	}
	folder := t.TempDir()
	f := put(t, folder, chain, key)
	for _, name := range []string{f.Cert, f.Key} {
		if err := os.Rename(name, name+".away"); err != nil {
			t.Fatal(err)
		}
		_, err := Load([]File{f})
		if err == nil || !strings.Contains(err.Error(), name+": no such file") {
			t.Errorf("%v", err)
		}
		if err := os.Rename(name+".away", name); err != nil {
			t.Fatal(err)
		}
	}
}

// No error quotes a key.
func TestErrorsDoNotQuoteKeys(t *testing.T) {
	key := keyPEM(t, ecdsaKey(t))
	secret := string(key[40:60])
	for i := range key {
		f := put(t, t.TempDir(), key, append(slices.Clone(key[:i]), key[min(i+7, len(key)):]...))
		if _, err := f.Load(); err == nil || strings.Contains(err.Error(), secret) {
			t.Fatalf("%v", err)
		}
	}
}

func FuzzLoad(f *testing.F) {
	h := newHierarchy(f)
	leaf := h.leaf(f, "mail.example.com")
	f.Add(certPEM(leaf, h.intermediate), keyPEM(f, leaf.key))
	f.Add(certPEM(h.root), []byte("-----BEGIN "))
	folder := f.TempDir()
	file := File{filepath.Join(folder, "cert.pem"), filepath.Join(folder, "key.pem")}
	f.Fuzz(func(t *testing.T, chain, key []byte) {
		if err := errors.Join(os.WriteFile(file.Cert, chain, 0o600), os.WriteFile(file.Key, key, 0o600)); err != nil {
			t.Fatal(err)
		}
		c, err := file.Load()
		if err == nil && (len(c.Certificate) == 0 || !bytes.Equal(c.Certificate[0], c.Leaf.Raw) || !belongs(c.Leaf, c.PrivateKey.(crypto.Signer))) {
			t.Fatalf("%+v", c)
		}
	})
}
