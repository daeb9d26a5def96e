package acme

import (
	"bytes"
	"context"
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"time"

	"github.com/mholt/acmez/v3/acme"
)

const (
	orderTime = 30 * time.Minute // bounds an order, with the wait for DNS
	lockTime  = 40 * time.Minute // bounds the wait for the orders of other instances
)

// order gets the certificate of an entry from the CA, unless another instance is faster,
// and stores it.
func (k *Keeper) order(e *entry) error {
	lock, err := k.turn(e)
	if err != nil {
		return err
	}
	if lock != nil {
		defer lock.Unlock()
	}
	ctx, cancel := context.WithTimeout(k.life, orderTime)
	defer cancel()
	chains, key, err := k.obtain(ctx, e, lock)
	if err != nil {
		return err
	}
	chosen := k.choose(chains, e)
	c, err := assemble(chosen, key)
	if err == nil && !e.hasNames(c.Leaf) {
		err = errOther
	}
	if err != nil {
		k.store.unshare(ctx, e.name+orderSuffix)
		return err
	}
	k.serve(ctx, e, c, chosen.RenewalInfo, lock)
	return nil
}

var errOther = errors.New("the CA has issued a certificate for other names")

// obtain returns the chains that the CA offers, and their key.
func (k *Keeper) obtain(ctx context.Context, e *entry, lock Lock) ([]acme.Certificate, crypto.Signer, error) {
	registered, err := k.register(ctx)
	if err != nil {
		return nil, nil, err
	}
	key, err := k.keyFor(ctx, e)
	if err != nil {
		return nil, nil, err
	}
	a, err := k.newAttempt(e, key, registered, lock)
	if err != nil {
		return nil, nil, err
	}
	chains, err := a.run(ctx)
	if err != nil {
		k.account.forget() // the next order asks whether it still exists
		return nil, nil, err
	}
	if len(chains) == 0 {
		return nil, nil, errNoChain
	}
	return chains, key, nil
}

var errNoChain = errors.New("the CA has completed the order without a certificate")

// keyFor returns the next key of the plan. If the plan has none, a renewal keeps the key of
// the present certificate, and a key is made where that is of another type. A new key is
// kept until it has a certificate.
func (k *Keeper) keyFor(ctx context.Context, e *entry) (crypto.Signer, error) {
	if next := k.next(ctx, e); next != nil {
		return next, nil
	}
	keep := k.waits(e)
	if c := k.table.get(e); c != nil {
		if key, ok := c.PrivateKey.(crypto.Signer); ok && (keep || e.kind.Fits(key.Public())) {
			return key, nil
		}
	}
	if keep {
		return nil, remedied{errKeyWaits, remedyKeyWaits}
	}
	fits := func(data []byte) bool {
		key := parseKey(data)
		return key != nil && e.kind.Fits(key.Public())
	}
	data, err := k.store.agree(ctx, e.name+keySuffix, k.table.pendingOf(e), fits, e.kind.newText)
	if err != nil {
		return nil, err
	}
	k.table.setPending(e, data)
	return parseKey(data), nil
}

func (t *table) pendingOf(e *entry) []byte {
	t.mu.Lock()
	defer t.mu.Unlock()
	return e.pending
}

func (t *table) setPending(e *entry, key []byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	e.pending = key
}

// replaced returns the certificate that an order replaces (RFC 9773 §5); nil if this CA
// has not given renewal information for it.
func (k *Keeper) replaced(e *entry) *x509.Certificate {
	k.table.mu.Lock()
	defer k.table.mu.Unlock()
	if e.cert == nil || !e.renewal.info.HasWindow() {
		return nil
	}
	return e.cert.Leaf
}

// choose returns the chain below the preferred root or intermediate, or else the first.
func (k *Keeper) choose(chains []acme.Certificate, e *entry) acme.Certificate {
	if k.o.Chain == "" {
		return chains[0]
	}
	for _, chain := range chains {
		c, err := certificatesIn(chain.ChainPEM)
		if err != nil {
			continue
		}
		for _, cert := range c {
			if cert.Issuer.CommonName == k.o.Chain {
				return chain
			}
		}
	}
	k.o.Log.Warn("the CA offers no chain to the preferred root; its first chain is used", "host", e.names[0], "preferred", k.o.Chain)
	return chains[0]
}

func certificatesIn(text []byte) ([]*x509.Certificate, error) {
	var all []*x509.Certificate
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		all = append(all, cert)
	}
	return all, nil
}

// assemble joins a chain and its key.
func assemble(chain acme.Certificate, key crypto.Signer) (tls.Certificate, error) {
	text, err := keyText(key)
	if err != nil {
		return tls.Certificate{}, err
	}
	c, err := pair(bytes.Join([][]byte{text, chain.ChainPEM}, nil))
	if err != nil {
		return c, fmt.Errorf("the certificate from the CA: %w", err)
	}
	return c, nil
}

// serve serves a certificate, even if it cannot be stored. The other instances get it
// first, unless they cannot be reached: then follow sends it later. If this instance has
// lost the lock, another one has perhaps shared a certificate, which is served instead.
func (k *Keeper) serve(ctx context.Context, e *entry, c tls.Certificate, info *acme.RenewalInfo, lock Lock) {
	k.o.Log.Info("certificate from the CA", "host", e.names[0], "key", string(e.kind), "issuer", c.Leaf.Issuer.String(), "expires", c.Leaf.NotAfter.UTC())
	if lock != nil && errors.Is(k.publish(ctx, e, c, lock), ErrLost) && k.yield(ctx, e) {
		return
	}
	k.installing.Lock()
	k.install(ctx, e, c)
	k.installing.Unlock()
	if info != nil && info.HasWindow() {
		k.table.mu.Lock()
		e.renewal = renewal{}.updated(*info)
		k.table.mu.Unlock()
	}
}

// publish shares a certificate while the lock is held, and forgets its key, which is with
// it, and its order.
func (k *Keeper) publish(ctx context.Context, e *entry, c tls.Certificate, lock Lock) error {
	ctx, cancel := context.WithTimeout(ctx, storeTime)
	defer cancel()
	data, err := text(c)
	if err == nil {
		err = lock.Set(ctx, e.name, data, keptTime)
	}
	if err != nil {
		k.o.Log.Warn("a certificate cannot be shared with the other instances yet", "host", e.names[0], "error", err)
		return err
	}
	k.store.unshare(ctx, e.name+keySuffix)
	k.store.unshare(ctx, e.name+orderSuffix)
	return nil
}

// yield reports whether another instance has shared a certificate that is not due.
func (k *Keeper) yield(ctx context.Context, e *entry) bool {
	return k.merge(ctx, e) == nil && time.Now().Before(k.due(e))
}
