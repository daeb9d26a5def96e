package acme

import (
	"context"
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"slices"
)

// KeyPlan plans the keys of certificates. Its methods get the name of a certificate in the
// store.
type KeyPlan interface {
	// Next returns the key for the order that is about to begin, or nil: then a renewal
	// keeps the key, and a first certificate gets a new one.
	Next(ctx context.Context, name string) crypto.Signer

	// Waits reports whether a key of another type, or of a first certificate beside
	// others, must not be used yet, because Next has none.
	Waits(name string) bool
}

// Planned is a certificate whose keys can be planned.
type Planned struct {
	Name  string   // in the store
	Names []string // in the certificate
	Key   KeyType
}

// Plan lists the certificates of the sets of names, in the order of Keeper.Status.
func Plan(sets [][]string, kinds []KeyType) []Planned {
	if kinds == nil {
		kinds = DefaultKeys()
	}
	var all []Planned
	for _, set := range newTable(sets, kinds).sets {
		for _, e := range set.entries {
			all = append(all, Planned{Name: e.name, Names: e.names, Key: e.kind})
		}
	}
	return all
}

// NewKey makes a key, and returns it in PEM form too.
func NewKey(kind KeyType) (crypto.Signer, []byte, error) {
	key, err := kind.generate()
	if err != nil {
		return nil, nil, err
	}
	text, err := keyText(key)
	return key, text, err
}

var errKeyText = errors.New("it is not a key in PEM form")

// ParseKey reads a key in the form that NewKey writes.
func ParseKey(text []byte) (crypto.Signer, error) {
	if key := parseKey(text); key != nil {
		return key, nil
	}
	return nil, errKeyText // the cause could quote the key
}

// StoredLeaf returns the certificate in an entry of the store, or nil if it has none that
// can be read.
func StoredLeaf(data []byte) *x509.Certificate {
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		if leaf, err := x509.ParseCertificate(block.Bytes); err == nil {
			return leaf
		}
		return nil
	}
	return nil
}

// waits reports whether an entry must not get a key of another type yet, or no first
// key: its names have records already, and senders would refuse a key without one.
func (k *Keeper) waits(e *entry) bool {
	return k.o.Plan != nil && k.table.hasOther(e) && k.o.Plan.Waits(e.name)
}

// hasOther reports whether there is a certificate for the names of an entry, its own or
// that with another type of key.
func (t *table) hasOther(e *entry) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, s := range t.sets {
		if slices.Contains(s.entries, e) {
			return slices.ContainsFunc(s.entries, func(e *entry) bool { return e.cert != nil })
		}
	}
	return false
}

// next returns the next key of the plan; nil: the plan has no key yet.
func (k *Keeper) next(ctx context.Context, e *entry) crypto.Signer {
	if k.o.Plan == nil {
		return nil
	}
	next := k.o.Plan.Next(ctx, e.name)
	if next == nil || !e.kind.Fits(next.Public()) {
		return nil
	}
	return next
}

var errKeyWaits = errors.New("the TLSA record of the new key is not at all DNS servers")

const remedyKeyWaits = "see the rollover of the key (acme.dane): letterlock tlsa prints what is missing"
