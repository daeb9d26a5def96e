package certs

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"fmt"
)

// Bundle holds the authorities in a file.
type Bundle struct {
	Pool *x509.CertPool
	Sum  [sha256.Size]byte // sum of the file's content
}

// ReadBundle reads a file of authorities. It skips nothing: a damaged
// certificate of an authority would only be noticed when a connection fails,
// and a private key in the file could be read by each reader of the file.
// Comments may precede each certificate, and lines that begin with # may follow
// the last.
func ReadBundle(file string) (Bundle, error) {
	b, err := readBundle(file)
	if err != nil {
		return Bundle{}, &Fault{File: file, What: "authorities", Err: err, Remedy: "write the certificates of the authorities in PEM form, whole, and nothing else"}
	}
	return b, nil
}

func readBundle(file string) (Bundle, error) {
	f, err := readPEM(file)
	if err != nil {
		return Bundle{}, err
	}
	b := Bundle{Pool: x509.NewCertPool(), Sum: sha256.Sum256(f.text)}
	for _, block := range f.blocks {
		if block.Type != "CERTIFICATE" {
			return Bundle{}, fmt.Errorf("line %d begins a %s, where only a CERTIFICATE may stand", block.line, block.Type)
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return Bundle{}, fmt.Errorf("the certificate at line %d cannot be read: %w", block.line, err)
		}
		b.Pool.AddCert(c)
	}
	at := f.rest
	for line := range bytes.Lines(f.text[at:]) {
		if text := bytes.TrimSpace(line); len(text) > 0 && text[0] != '#' {
			return Bundle{}, fmt.Errorf("line %d stands behind the last certificate and is not part of one", f.line(at))
		}
		at += len(line)
	}
	return b, nil
}
