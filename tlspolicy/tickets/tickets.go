// Package tickets derives the keys of TLS session tickets (RFC 8446 §4.6.1, RFC
// 5077) from a secret, a name and the time. Instances that have the same secret
// resume each other's sessions without talking to each other.
//
// Its API is stable; see package tlspolicy.
package tickets

import (
	"bytes"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"fmt"
	"sync"
	"time"
)

const (
	// Turn is the time for which a key encrypts new tickets. Turns are counted from the
	// Unix epoch.
	Turn = 8 * time.Hour

	// Kept is the number of turns in which a ticket is accepted, including the
	// one that it was made in: tickets live for 16 to 24 hours.
	Kept = 3
)

// Secret is the random text that keys are derived from.
type Secret []byte

// Random returns a new secret.
func Random() Secret {
	s := make(Secret, sha256.Size)
	_, _ = rand.Read(s) // never fails
	return s
}

// MaxText bounds the text of a secret, in bytes.
const MaxText = 4096

// minSecret is the least length of a secret, in bytes. It cannot tell whether a
// text is random, but it rejects passwords.
const minSecret = 32

// Parse takes a secret from the text of a file, without white space at its
// ends. Errors do not quote the secret.
func Parse(text []byte) (Secret, error) {
	secret := bytes.TrimSpace(text)
	switch {
	case len(text) > MaxText:
		return nil, fmt.Errorf("the secret has more than %d bytes", MaxText)
	case len(secret) < minSecret:
		return nil, fmt.Errorf("the secret has %d bytes, less than %d", len(secret), minSecret)
	}
	return bytes.Clone(secret), nil
}

// Keys returns the keys for a name at a time, in the order that
// SetSessionTicketKeys expects: first the key that encrypts new tickets, then
// those of the turns before. The last is the key of the next turn, which an
// instance whose clock is ahead may use already.
func (s Secret) Keys(name string, now time.Time) ([][32]byte, error) {
	return keys(name, now, func(int64) (Secret, bool) { return s, true })
}

// keys derives the key of each turn from the secret of that turn. It leaves out turns
// without a secret.
func keys(name string, now time.Time, secret func(turn int64) (Secret, bool)) (all [][32]byte, err error) {
	turn := turnOf(now)
	for _, n := range []int64{turn, turn - 1, turn - 2, turn + 1} {
		s, known := secret(n)
		if !known {
			continue
		}
		raw, err := hkdf.Key(sha256.New, s, nil, fmt.Sprintf("letterlock session ticket 1\x00%s\x00%d", name, n), 32)
		if err != nil {
			return nil, fmt.Errorf("session ticket keys: %w", err)
		}
		all = append(all, [32]byte(raw))
	}
	return all, nil
}

func turnOf(now time.Time) int64 { return now.Unix() / int64(Turn/time.Second) }

// Ring gives TLS configurations their keys, and replaces them with time.
type Ring struct {
	mu      sync.Mutex
	secret  source
	turn    int64
	configs []named
}

// source is a Secret or a Chain, from which keys are derived.
type source interface {
	Keys(name string, now time.Time) ([][32]byte, error)
	equal(other source) bool
}

func (s Secret) equal(other source) bool {
	o, same := other.(Secret)
	return same && bytes.Equal(s, o)
}

type named struct {
	name   string
	config *tls.Config
}

// NewRing returns a Ring with a secret.
func NewRing(s Secret) *Ring { return &Ring{secret: s} }

// ErrShared is the error for a configuration that is added under two names:
// sessions of one name could be resumed under the other.
var ErrShared = errors.New("the TLS configuration already has ticket keys under another name")

// Add gives a configuration the keys of a name. Configurations with the same
// name resume each other's sessions under the same server name; see Scope for
// what a name must distinguish.
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

// Advance gives all configurations new keys, if a new turn has begun.
func (r *Ring) Advance(now time.Time) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if turnOf(now) == r.turn {
		return nil
	}
	return r.setAll(now)
}

// Use replaces the secret. Tickets made with the old one are no longer
// accepted.
func (r *Ring) Use(s Secret, now time.Time) error { return r.use(s, now) }

// Follow replaces the secret by a chain. Tickets made with another one are no longer
// accepted.
func (r *Ring) Follow(c Chain, now time.Time) error { return r.use(c, now) }

func (r *Ring) use(s source, now time.Time) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if s.equal(r.secret) {
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
