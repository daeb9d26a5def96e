package acme

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"time"

	"golang.org/x/crypto/acme"
)

// kinds are the types of keys that each name has certificates for. After a
// failure with the first, the second is not ordered.
var kinds = []x509.PublicKeyAlgorithm{x509.ECDSA, x509.RSA}

// obtain gets the certificates for a name, however long it takes. autocert
// renews them later.
func (k *Keeper) obtain(host string) {
	for _, kind := range kinds {
		pause := k.o.Retry
		for {
			again, err := k.order(host, kind)
			if k.life.Err() != nil {
				return
			}
			if err == nil {
				break
			}
			again = max(again, pause)
			k.o.Log.Error("no certificate from the CA", "host", host, "key", kind.String(), "directory", k.o.Directory,
				"error", err, "serving", k.table.words(host, kind), "retry", again)
			select {
			case <-time.After(again):
			case <-k.life.Done():
				return
			}
			pause = min(2*pause, k.o.LongestRetry)
		}
	}
}

// order gets one certificate, from the folder or from the CA. After a failure
// it returns the minimum pause.
func (k *Keeper) order(host string, kind x509.PublicKeyAlgorithm) (again time.Duration, err error) {
	if c := k.table.get(host, kind); c == nil || time.Now().After(c.Leaf.NotAfter) {
		if err := k.reach(); err != nil {
			return 0, err
		}
	}
	k.transport.forget(host)
	c, err := k.auto.GetCertificate(hello(host, kind))
	if err != nil {
		wait, _ := acme.RateLimit(err)
		if said := k.transport.about(host); said != "" {
			err = fmt.Errorf("the CA said: %s (%w)", said, err)
		}
		return max(wait, autocertForgets), err
	}
	if k.table.put(*c) {
		k.changed()
	}
	return 0, nil
}

// reach requests the directory, with which every order begins, so that a CA
// that was down is soon tried again: see autocertForgets.
func (k *Keeper) reach() error {
	ctx, cancel := context.WithTimeout(k.life, requestTimeout)
	defer cancel()
	if _, err := k.client().Discover(ctx); err != nil {
		return fmt.Errorf("the CA cannot be reached: %w", err)
	}
	return nil
}

// hello returns the ClientHello for which autocert selects the certificate with
// that key. For clients of TLS 1.3 it would select the RSA certificate
// (golang/go#50522), because it checks the suites of TLS 1.2.
func hello(host string, kind x509.PublicKeyAlgorithm) *tls.ClientHelloInfo {
	h := &tls.ClientHelloInfo{ServerName: host}
	if kind == x509.ECDSA {
		h.CipherSuites = []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256}
		h.SupportedCurves = []tls.CurveID{tls.CurveP256}
		h.SignatureSchemes = []tls.SignatureScheme{tls.ECDSAWithP256AndSHA256}
	}
	return h
}

func (k *Keeper) changed() {
	if k.o.Changed != nil {
		k.o.Changed()
	}
}
