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

// File is the paths of a PEM chain and the key of its leaf.
type File struct{ Cert, Key string }

// Load reads all files. An error in a file is a *Fault.
func Load(files []File) ([]tls.Certificate, error) {
	certs := make([]tls.Certificate, 0, len(files))
	for i, f := range files {
		c, err := f.Load()
		if fault, ok := errors.AsType[*Fault](err); ok && errors.Is(err, errMismatch) {
			f.suggestOther(fault, files, i)
		}
		if err != nil {
			return nil, err
		}
		certs = append(certs, c)
	}
	return certs, nil
}

// suggestOther searches the keys of the other pairs for the matching one.
func (f File) suggestOther(fault *Fault, files []File, own int) {
	for i, other := range files {
		if i == own || other.Key == f.Key {
			continue
		}
		if _, err := (File{f.Cert, other.Key}).Load(); err == nil {
			fault.Remedy = "the key that fits is " + other.Key
			return
		}
	}
}

// Load reads one pair, and sorts its chain. An incomplete pair is an error, a
// *Fault with the file and the reason.
func (f File) Load() (tls.Certificate, error) {
	key, err := readKey(f.Key)
	if err != nil {
		return tls.Certificate{}, f.keyFault(err)
	}
	certs, err := readCertificates(f.Cert)
	if err != nil {
		return tls.Certificate{}, &Fault{File: f.Cert, What: "certificate", Err: err, Remedy: "write the file with the certificate chain in PEM form, leaf first, such as fullchain.pem"}
	}
	c, err := chain(certs, key)
	if err != nil {
		return tls.Certificate{}, &Fault{File: f.Key, What: "key", Err: fmt.Errorf("%w in %s; the first is for %s", errMismatch, f.Cert, called(certs[0])),
			Remedy: "write the key that the certificate was issued for; both have it if these print the same: openssl pkey -in KEY -pubout; openssl x509 -in CERT -noout -pubkey"}
	}
	return c, nil
}

// keyFault explains an error in the file of a key. If each file contains what
// the other should, the files are swapped.
func (f File) keyFault(err error) *Fault {
	fault := &Fault{File: f.Key, What: "key", Err: err, Remedy: "write the file with the private key in PEM form, such as privkey.pem"}
	if _, swapped := readKey(f.Cert); swapped == nil {
		if _, swapped := readCertificates(f.Key); swapped == nil {
			fault.Err = fmt.Errorf("the certificate is here, and the private key in %s: the two files are swapped", f.Cert)
			fault.Remedy = "write each file in the other's place"
		}
	}
	return fault
}

// readKey returns the first private key of a file. Other blocks, such as
// certificates and EC PARAMETERS, may precede or follow it.
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
		return nil, errors.New("the private key cannot be read") // the parser's error might quote the key
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("a key of type %T cannot sign", key)
	}
	return signer, nil
}

// readCertificates returns the certificates of a file, in its order. It skips
// DH parameters and keys.
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
