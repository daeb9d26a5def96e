package acme

import (
	"bytes"
	"context"
	"crypto/tls"
)

// save writes a certificate to the folder. A folder that cannot be written, because the
// disk is full, is tried again until it can: meanwhile the certificate is served.
func (k *Keeper) save(ctx context.Context, e *entry, c tls.Certificate) {
	data, err := text(c)
	if err == nil {
		err = k.write(ctx, e, data)
	}
	if err == nil {
		return
	}
	k.o.Log.Error("a key or certificate is lost with the next restart: make room on the disk, or see who may write to state_dir",
		"host", e.names[0], "error", err, "retry", k.o.Retry)
	if data != nil {
		k.running.Go(func() { k.saveLater(e, c, data) })
	}
}

// saveLater writes a certificate to the folder after a pause that is doubled each time,
// until it succeeds, another certificate replaces this one, or the Keeper is closed.
func (k *Keeper) saveLater(e *entry, c tls.Certificate, data []byte) {
	for wait := k.o.Retry; pause(k.life, wait); wait = min(2*wait, k.o.LongestRetry) {
		if saved := k.trySave(e, c, data); saved {
			return
		}
	}
}

// trySave writes a certificate to the folder, unless another one has replaced it.
func (k *Keeper) trySave(e *entry, c tls.Certificate, data []byte) (done bool) {
	k.installing.Lock()
	defer k.installing.Unlock()
	if now := k.table.get(e); now == nil || !bytes.Equal(now.Leaf.Raw, c.Leaf.Raw) {
		return true
	}
	if err := k.write(k.life, e, data); err != nil {
		k.o.Log.Warn("a certificate still cannot be stored", "host", e.names[0], "error", err)
		return false
	}
	k.o.Log.Info("the certificate that could not be stored is stored now", "host", e.names[0])
	return true
}

// write writes the certificate of an entry, and removes its key, which is with it.
func (k *Keeper) write(ctx context.Context, e *entry, data []byte) error {
	err := k.store.put(ctx, e.name, data)
	if err == nil {
		k.store.remove(ctx, e.name+keySuffix)
	}
	return err
}
