package acme

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"golang.org/x/crypto/acme/autocert"
)

// store keeps the account, keys and certificates in a folder under autocert's names. In
// a cluster the folder holds a copy of what the instances share, with which an instance
// goes on while the shared state cannot be reached.
type store struct {
	autocert.Cache
	shared Shared // nil: this instance is alone
	log    *slog.Logger
}

// accountName is the name of the account's key. Certificates with an ECDSA key are under
// the first name, those with an RSA key have rsaSuffix. A new key is under its
// certificate's name with keySuffix until it has a certificate.
const (
	accountName = "acme_account+key"
	rsaSuffix   = "+rsa"
	keySuffix   = "+key"
)

// storeTime bounds each access, which may be over a network.
const storeTime = 10 * time.Second

func newStore(o Options) store {
	return store{autocert.DirCache(o.Dir), o.Shared, o.Log}
}

// get returns nil if there is no such entry.
func (s store) get(ctx context.Context, name string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, storeTime)
	defer cancel()
	data, err := s.Get(ctx, name)
	if errors.Is(err, autocert.ErrCacheMiss) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("ACME state: %w", err)
	}
	return data, nil
}

// put stores an entry completely, even if the keeper is closed meanwhile.
func (s store) put(ctx context.Context, name string, data []byte) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTime)
	defer cancel()
	return s.Put(ctx, name, data)
}

// remove deletes an entry that is of no more use.
func (s store) remove(ctx context.Context, name string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTime)
	defer cancel()
	_ = s.Delete(ctx, name) // it stays, and does no harm
}

// certificate returns nil if there is none, or one that cannot be read.
func (s store) certificate(ctx context.Context, name string) (*tls.Certificate, error) {
	data, err := s.get(ctx, name)
	if err != nil || data == nil {
		return nil, err
	}
	return parsePair(data), nil
}

// parsePair returns nil for another file of autocert, or half a file.
func parsePair(data []byte) *tls.Certificate {
	c, err := pair(data)
	if err != nil {
		return nil
	}
	return &c
}

// pair reads a key and its chain from one PEM text.
func pair(data []byte) (tls.Certificate, error) {
	c, err := tls.X509KeyPair(data, data)
	if err == nil && c.Leaf == nil {
		c.Leaf, err = x509.ParseCertificate(c.Certificate[0])
	}
	return c, err
}

// text writes a key and its chain as one PEM text.
func text(c tls.Certificate) ([]byte, error) {
	key, err := keyText(c.PrivateKey)
	if err != nil {
		return nil, err
	}
	out := bytes.NewBuffer(key)
	for _, der := range c.Certificate {
		if err := pem.Encode(out, &pem.Block{Type: "CERTIFICATE", Bytes: der}); err != nil {
			return nil, err
		}
	}
	return out.Bytes(), nil
}

// keyText writes a key in the form that autocert writes.
func keyText(key crypto.PrivateKey) ([]byte, error) {
	switch key := key.(type) {
	case *ecdsa.PrivateKey:
		der, err := x509.MarshalECPrivateKey(key)
		if err != nil {
			return nil, err
		}
		return pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der}), nil
	case *rsa.PrivateKey:
		return pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}), nil
	}
	return nil, errKeyType
}

var errAccountKey = errors.New("ACME state: " + accountName + " is not a key in PEM form: restore it, or remove it to get a new account")

// parseAccountKey reads the key of an account.
func parseAccountKey(data []byte) (crypto.Signer, error) {
	key := parseKey(data)
	if key == nil {
		return nil, errAccountKey // the cause could quote the key
	}
	return key, nil
}

// parseKey reads a key that keyText has written; nil: the text is not a key.
func parseKey(data []byte) crypto.Signer {
	block, _ := pem.Decode(data)
	if block == nil {
		return nil
	}
	if key, err := x509.ParseECPrivateKey(block.Bytes); err == nil {
		return key
	}
	if key, err := x509.ParsePKCS1PrivateKey(block.Bytes); err == nil {
		return key
	}
	return nil
}
