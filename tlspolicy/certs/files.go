package certs

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
)

// File names a PEM chain, leaf first, and the key of the leaf.
type File struct{ Cert, Key string }

// Load reads all files. Its error names the file at fault.
func Load(files []File) ([]tls.Certificate, error) {
	certs := make([]tls.Certificate, 0, len(files))
	for _, f := range files {
		c, err := tls.LoadX509KeyPair(f.Cert, f.Key)
		if err != nil {
			return nil, fmt.Errorf("certificate %s with key %s: %w", f.Cert, f.Key, err)
		}
		if c.Leaf == nil {
			if c.Leaf, err = x509.ParseCertificate(c.Certificate[0]); err != nil {
				return nil, fmt.Errorf("certificate %s: %w", f.Cert, err)
			}
		}
		certs = append(certs, c)
	}
	return certs, nil
}
