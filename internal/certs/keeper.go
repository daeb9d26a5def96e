package certs

import (
	"crypto/tls"
	"fmt"
	"slices"
	"sync"
	"time"
)

// Keeper updates a Store from pairs of files. Each pair is loaded separately: a
// broken pair does not delay the others, and its previous certificate stays.
type Keeper struct {
	Store *Store
	Files []File

	mu    sync.Mutex
	certs []tls.Certificate
}

// NewKeeper loads all files, or fails with the file at fault.
func NewKeeper(files []File) (*Keeper, error) {
	certs, err := Load(files)
	if err != nil {
		return nil, err
	}
	return &Keeper{Store: NewStore(certs), Files: files, certs: certs}, nil
}

// Reload loads pair i again and serves it from then on. It reports whether the
// certificate has changed. After an error nothing changes. It is also an error
// if the new certificate has expired and the previous one has not.
func (k *Keeper) Reload(i int, now time.Time) (changed bool, err error) {
	c, err := k.Files[i].Load()
	if err != nil {
		return false, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	old := k.certs[i]
	if err := k.Files[i].worse(c, old, now); err != nil {
		return false, err
	}
	k.certs[i] = c
	k.Store.Replace(k.certs)
	return !slices.EqualFunc(c.Certificate, old.Certificate, slices.Equal), nil
}

// Follow returns an error if the certificates that another Keeper serves from
// the same files must stay, by the rule of Reload.
func (k *Keeper) Follow(before *Keeper, now time.Time) error {
	before.mu.Lock()
	defer before.mu.Unlock()
	for i, f := range k.Files {
		if at := slices.Index(before.Files, f); at >= 0 {
			if err := f.worse(k.certs[i], before.certs[at], now); err != nil {
				return err
			}
		}
	}
	return nil
}

// worse returns an error for a certificate that must not replace another.
func (f File) worse(next, old tls.Certificate, now time.Time) error {
	if now.After(next.Leaf.NotAfter) && !now.After(old.Leaf.NotAfter) {
		return fmt.Errorf("certificate %s: it has expired on %s, and the one before it has not", f.Cert, day(next.Leaf.NotAfter))
	}
	return nil
}
