package acme

import (
	"crypto/tls"
	"time"
)

// watch logs warnings about certificates that should have been renewed, and about the
// clock.
func (k *Keeper) watch() {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for {
		for _, c := range k.table.list(k.o.Hosts) {
			k.complain(c, time.Now())
		}
		select {
		case <-tick.C:
		case <-k.life.Done():
			return
		}
	}
}

// complain logs nothing until a quarter of a certificate's lifetime is left;
// autocert renews when a third is left.
func (k *Keeper) complain(c tls.Certificate, now time.Time) {
	leaf := c.Leaf
	left := leaf.NotAfter.Sub(now)
	host := leaf.DNSNames[0]
	about := []any{"host", host, "key", leaf.PublicKeyAlgorithm.String(), "expires", leaf.NotAfter.UTC(), "ca", k.transport.about(host)}
	switch {
	case left <= 0:
		k.o.Log.Error("AN EXPIRED CERTIFICATE IS SERVED, as the CA has given no other", about...)
	case left < leaf.NotAfter.Sub(leaf.NotBefore)/4:
		k.o.Log.Warn("a certificate should have been renewed by now", about...)
	}
}
