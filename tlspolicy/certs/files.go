package certs

import (
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
)

// File names a PEM chain and the key of its leaf.
type File struct{ Cert, Key string }

// Load reads all files. Its error names the file at fault.
func Load(files []File) ([]tls.Certificate, error) {
	certs := make([]tls.Certificate, 0, len(files))
	for _, f := range files {
		c, err := f.Load()
		if err != nil {
			return nil, err
		}
		certs = append(certs, c)
	}
	return certs, nil
}

// Load reads one pair, and puts its chain in order. What is not a whole pair
// is refused, with the file and the reason.
func (f File) Load() (tls.Certificate, error) {
	key, err := readKey(f.Key)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("key %s: %w", f.Key, err)
	}
	certs, err := readCertificates(f.Cert)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("certificate %s: %w", f.Cert, err)
	}
	c, err := chain(certs, key)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("certificate %s with key %s: %w", f.Cert, f.Key, err)
	}
	return c, nil
}

// readKey returns the first private key of a file. Other blocks, such as
// certificates and EC PARAMETERS, may stand beside it.
func readKey(name string) (crypto.Signer, error) {
	f, err := readPEM(name)
	if err != nil {
		return nil, err
	}
	for _, b := range f.blocks {
		switch {
		case !strings.HasSuffix(b.Type, "PRIVATE KEY"):
		case b.Type == "ENCRYPTED PRIVATE KEY" || b.Headers["DEK-Info"] != "":
			return nil, errors.New("the key is protected by a passphrase; write it without one: openssl pkey -in FILE -out FILE")
		default:
			return parseKey(b.Block)
		}
	}
	return nil, fmt.Errorf("the file has no private key, but %s", f.blocks[0].Type)
}

func parseKey(b *pem.Block) (crypto.Signer, error) {
	var key any
	var err error
	switch b.Type {
	case "RSA PRIVATE KEY":
		key, err = x509.ParsePKCS1PrivateKey(b.Bytes)
	case "EC PRIVATE KEY":
		key, err = x509.ParseECPrivateKey(b.Bytes)
	default:
		key, err = x509.ParsePKCS8PrivateKey(b.Bytes)
	}
	if err != nil {
		return nil, errors.New("the private key cannot be read") // the parser's words might quote it
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("a key of type %T cannot sign", key)
	}
	return signer, nil
}

// readCertificates returns the certificates of a file, in its order. DH
// parameters and keys that stand beside them are left alone.
func readCertificates(name string) ([]*x509.Certificate, error) {
	f, err := readPEM(name)
	if err != nil {
		return nil, err
	}
	var certs []*x509.Certificate
	for _, b := range f.blocks {
		if b.Type != "CERTIFICATE" {
			continue
		}
		c, err := x509.ParseCertificate(b.Bytes)
		if err != nil {
			return nil, fmt.Errorf("its certificate number %d cannot be read: %w", len(certs)+1, err)
		}
		certs = append(certs, c)
	}
	if len(certs) == 0 {
		return nil, fmt.Errorf("the file has no certificate, but %s", f.blocks[0].Type)
	}
	return certs, nil
}
