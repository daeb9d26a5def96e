// Package tickets makes the keys of TLS session tickets (RFC 8446 §4.6.1, RFC
// 5077). They follow from a secret, a name and the time alone, so that
// instances with one secret resume each other's sessions and need not talk to
// each other for it.
package tickets

import (
	"bytes"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"
)

const (
	// Turn is how long a key makes tickets, counted from the Unix epoch.
	Turn = 8 * time.Hour

	// Kept is how many turns a ticket can be used in, that of its making
	// included: it lives for 16 to 24 hours.
	Kept = 3
)

// Secret is what keys are derived from: 32 bytes at least, by chance.
type Secret []byte

// Random returns a secret of this process alone.
func Random() Secret {
	s := make(Secret, sha256.Size)
	_, _ = rand.Read(s) // it never fails
	return s
}

// Bounds of a file, in bytes. The lower one cannot tell chance from prose, but
// it keeps passwords out.
const (
	leastSecret = 32
	mostSecret  = 4096
)

// Read takes a secret from a file, whose white space at the ends does not
// count. No error quotes the secret; the caller names the file.
func Read(file string) (Secret, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	text, err := io.ReadAll(io.LimitReader(f, mostSecret+1))
	if err != nil {
		return nil, err
	}
	secret := bytes.TrimSpace(text)
	switch {
	case len(text) > mostSecret:
		return nil, fmt.Errorf("the secret has more than %d bytes", mostSecret)
	case len(secret) < leastSecret:
		return nil, fmt.Errorf("the secret has %d bytes, less than %d", len(secret), leastSecret)
	}
	return secret, nil
}

// Keys returns the keys for a name at a time, as SetSessionTicketKeys takes
// them: first the one that makes tickets now, then those of the turns before.
// The last is that of the next turn, which an instance whose clock is ahead
// may have begun already.
func (s Secret) Keys(name string, now time.Time) ([][32]byte, error) {
	turn := turnOf(now)
	var keys [][32]byte
	for _, n := range []int64{turn, turn - 1, turn - 2, turn + 1} {
		raw, err := hkdf.Key(sha256.New, s, nil, fmt.Sprintf("letterlock session ticket 1\x00%s\x00%d", name, n), 32)
		if err != nil {
			return nil, fmt.Errorf("session ticket keys: %w", err)
		}
		keys = append(keys, [32]byte(raw))
	}
	return keys, nil
}

func turnOf(now time.Time) int64 { return now.Unix() / int64(Turn/time.Second) }

// Ring gives TLS configurations their keys, and new ones as time goes by.
type Ring struct {
	mu      sync.Mutex
	secret  Secret
	turn    int64
	configs []named
}

type named struct {
	name   string
	config *tls.Config
}

// NewRing returns a Ring of a secret.
func NewRing(s Secret) *Ring { return &Ring{secret: s} }

// ErrShared says that one configuration was to have keys under two names,
// which would let a session of one be resumed in the other.
var ErrShared = errors.New("a TLS configuration has ticket keys of another name")

// Add gives a configuration keys. Configurations of one name resume each
// other's sessions under the same server name; see Scope for what a name must
// tell apart.
func (r *Ring) Add(name string, config *tls.Config, now time.Time) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range r.configs {
		if c.config == config && c.name != name {
			return ErrShared
		}
	}
	bind(config)
	r.configs = append(r.configs, named{name, config})
	return r.set(r.configs[len(r.configs)-1], now)
}

// Advance gives all configurations the keys of now, if another turn has begun.
func (r *Ring) Advance(now time.Time) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if turnOf(now) == r.turn {
		return nil
	}
	return r.setAll(now)
}

// Use takes another secret from now on. Tickets of the one before end with it.
func (r *Ring) Use(s Secret, now time.Time) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if bytes.Equal(s, r.secret) {
		return nil
	}
	r.secret = s
	return r.setAll(now)
}

func (r *Ring) setAll(now time.Time) error {
	for _, c := range r.configs {
		if err := r.set(c, now); err != nil {
			return err
		}
	}
	r.turn = turnOf(now)
	return nil
}

func (r *Ring) set(c named, now time.Time) error {
	keys, err := r.secret.Keys(c.name, now)
	if err != nil {
		return err
	}
	c.config.SetSessionTicketKeys(keys)
	return nil
}
