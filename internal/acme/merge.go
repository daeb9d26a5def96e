package acme

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"time"
)

// The certificates of an entry that different instances have are ordered by newer. Each
// instance serves the newest that it knows, and the shared state only gets newer ones. So
// all instances come to serve the same certificate, whatever they have ordered while they
// did not reach each other, and none goes back to an earlier one.

// newer reports whether a certificate replaces another one.
func newer(a, b *x509.Certificate) bool {
	if !a.NotBefore.Equal(b.NotBefore) {
		return a.NotBefore.After(b.NotBefore)
	}
	return bytes.Compare(a.Raw, b.Raw) > 0
}

// followTime returns the time between two reads of the shared state. At each read this
// instance also sends the changes that it made while it could not reach the store.
func (k *Keeper) followTime() time.Duration {
	if k.o.Follow > 0 {
		return k.o.Follow
	}
	const each = 50 * time.Millisecond
	entries := 0
	for _, s := range k.table.sets {
		entries += len(s.entries)
	}
	return 3*time.Second + time.Duration(entries)*each
}

// follow exchanges certificates and the account's key with the other instances, until
// the Keeper is closed.
func (k *Keeper) follow() {
	for {
		err := k.followAccount(k.life)
		for _, s := range k.table.sets {
			for _, e := range s.entries {
				if err == nil {
					err = k.merge(k.life, e)
				}
			}
		}
		if err != nil && k.life.Err() == nil {
			k.o.Log.Debug("ACME: the shared state", "error", err)
		}
		if !pause(k.life, k.followTime()) {
			return
		}
	}
}

// merge adopts the shared certificate of an entry if it is newer, or shares this
// instance's own if that is newer, or the shared one was lost.
func (k *Keeper) merge(ctx context.Context, e *entry) error {
	ctx, cancel := context.WithTimeout(ctx, storeTime)
	defer cancel()
	data, err := k.store.shared.Get(ctx, e.name)
	if err != nil || data != nil && k.table.merged(e, data) {
		return err
	}
	shared, own := parsePair(data), k.table.get(e)
	if shared != nil && e.complete(shared.Leaf) && time.Now().Before(shared.Leaf.NotAfter) {
		k.adopt(ctx, e, *shared)
	}
	if own == nil || !e.complete(own.Leaf) || shared != nil && !newer(own.Leaf, shared.Leaf) {
		k.table.setMerged(e, data)
		return nil
	}
	return k.offer(ctx, e, *own)
}

// adopt installs a certificate of another instance if this one has none that is as new.
func (k *Keeper) adopt(ctx context.Context, e *entry, c tls.Certificate) {
	k.installing.Lock()
	defer k.installing.Unlock()
	if own := k.table.get(e); own != nil && e.complete(own.Leaf) && !newer(c.Leaf, own.Leaf) {
		return
	}
	if k.table.get(e) == nil {
		k.table.setStored(e, k.store.fetch(ctx, e.name+trialSuffix)) // this instance has not seen the one before
	}
	k.o.Log.Info("certificate that another instance has got from the CA", "host", e.names[0], "key", string(e.kind), "expires", c.Leaf.NotAfter.UTC())
	k.install(ctx, e, c)
}

// offer shares a certificate unless it has expired, or the other instances have a newer
// certificate.
func (k *Keeper) offer(ctx context.Context, e *entry, c tls.Certificate) error {
	own, err := text(c)
	if err != nil || !time.Now().Before(c.Leaf.NotAfter) {
		return err
	}
	return k.store.shared.Update(ctx, e.name, keptTime, func(data []byte) []byte {
		if shared := parsePair(data); shared != nil && !newer(c.Leaf, shared.Leaf) {
			return nil
		}
		return own
	})
}

// install serves a certificate, and writes it to the folder. The caller holds installing.
func (k *Keeper) install(ctx context.Context, e *entry, c tls.Certificate) {
	k.try(e)
	k.table.install(e, c)
	k.save(ctx, e, c)
	k.changed()
}

// merged reports whether a shared entry was merged before. Then the certificate of this
// instance is as new.
func (t *table) merged(e *entry, data []byte) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return bytes.Equal(e.merged, data)
}

func (t *table) setMerged(e *entry, data []byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	e.merged = data
}

// install makes a certificate the present one, as obtained now.
func (t *table) install(e *entry, c tls.Certificate) {
	t.mu.Lock()
	defer t.mu.Unlock()
	e.cert, e.obtained, e.renewal = &c, time.Now(), renewal{}
	e.pending, e.failure, e.away, e.merged = nil, failure{}, time.Time{}, nil
}
