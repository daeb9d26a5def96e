package app

import (
	"crypto/x509"
	"net/netip"
	"time"

	"github.com/letterlock/letterlock/configs"
	"github.com/letterlock/letterlock/internal/certs"
	"github.com/letterlock/letterlock/internal/whatif"
	"github.com/letterlock/letterlock/tlspolicy"
)

// WhatIf returns the question which clients a policy would refuse on the listeners of
// a configuration. For unread see Judged.
func WhatIf(c *configs.Config, policy string) (q whatif.Question, unread, err error) {
	named, err := c.NamedPolicy(policy)
	if err != nil {
		return q, nil, err
	}
	q, unread, err = Judged(c)
	q.Policy = named
	return q, unread, err
}

// Judged returns a question about the listeners of a configuration, without a policy.
// If the certificates cannot be read, the question supposes both an RSA and an ECDSA
// certificate, and unread is the error.
func Judged(c *configs.Config) (q whatif.Question, unread, err error) {
	q = whatif.Question{Now: time.Now()}
	services, err := Resolve(c)
	if err != nil {
		return q, nil, err
	}
	keys, unread := keysOf(c)
	for _, s := range services {
		of, known := keys[s.Certificates()]
		if !known {
			of = tlspolicy.BothKeys
		}
		q.Services = append(q.Services, whatif.Service{Name: s.Name, Address: s.Address, Keys: of, Exception: exceptionFor(s)})
	}
	return q, unread, nil
}

// exceptionFor returns the policy exception of a listener's clients.
func exceptionFor(s Service) func(netip.Addr, time.Time) (tlspolicy.Policy, bool, bool) {
	return func(client netip.Addr, now time.Time) (policy tlspolicy.Policy, weakLogin, applies bool) {
		e, applies := s.ExceptionFor(client, now)
		return e.Policy, e.WeakLogin, applies
	}
}

// keysOf returns the types of keys of the configured certificates, by
// configs.Served.Key. Self-signed and ordered certificates have both types.
func keysOf(c *configs.Config) (map[string]tlspolicy.Keys, error) {
	all := map[string]tlspolicy.Keys{}
	var problem error
	for _, served := range c.Served() {
		all[served.Key()] = tlspolicy.BothKeys
		if len(served.Files) == 0 || len(served.Hosts) > 0 {
			continue
		}
		loaded, err := certs.Load(CertificateFiles(served))
		if err != nil {
			problem = err
			continue
		}
		var keys tlspolicy.Keys
		for _, cert := range loaded {
			rsa := cert.Leaf.PublicKeyAlgorithm == x509.RSA
			keys.RSA, keys.ECDSA = keys.RSA || rsa, keys.ECDSA || !rsa
		}
		all[served.Key()] = keys
	}
	return all, problem
}
