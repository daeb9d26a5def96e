package certs

import (
	"crypto/tls"
	"fmt"
	"slices"
	"sync"
	"time"
)

// Keeper keeps a Store in step with pairs of files, each of which is loaded on
// its own: one that breaks does not hold up the others, and what was served
// before stays.
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

// Reload loads the pair i again and serves it from now on. It reports whether
// the certificate is another one. After an error all is as before; it is one,
// too, if what comes has expired and what is there has not.
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

// Follow reports whether what another Keeper serves from the same files must
// stay, by the rule of Reload.
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

// worse finds a certificate that must not take the place of another.
func (f File) worse(next, old tls.Certificate, now time.Time) error {
	if now.After(next.Leaf.NotAfter) && !now.After(old.Leaf.NotAfter) {
		return fmt.Errorf("certificate %s: it has expired on %s, and the one before it has not", f.Cert, day(next.Leaf.NotAfter))
	}
	return nil
}
