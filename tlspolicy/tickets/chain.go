package tickets

import (
	"bytes"
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
	"time"
)

// Chain derives the secret of each turn from the secret of the turn before, and cannot
// go back. Instances that have the same chain know all later keys without talking to
// each other, so that each can decrypt the tickets of a new key before any instance
// makes one. The state of a time does not reveal the keys of tickets that are older than
// Kept turns.
type Chain struct {
	Turn   int64  `json:"turn"`   // the turn that the secret is for
	Secret Secret `json:"secret"` // of sha256.Size bytes
}

// NewChain returns a chain with a random secret, for the turns from Kept before a time
// on.
func NewChain(now time.Time) Chain { return Chain{turnOf(now) - Kept + 1, Random()} }

// ErrChain is the error for a chain that cannot be used at a time.
var ErrChain = errors.New("the chain of ticket secrets is damaged or of another time")

// maxSteps bounds the steps of a chain from its state to the present: 90 days of turns.
const maxSteps = 270

// At returns the chain's state at a time: without the secrets of turns that are no
// longer accepted. A chain from too long ago, or from the future, is an error.
func (c Chain) At(now time.Time) (Chain, error) {
	first := turnOf(now) - Kept + 1
	if len(c.Secret) != sha256.Size || c.Turn > first+1 || c.Turn < first-maxSteps {
		return Chain{}, ErrChain
	}
	for c.Turn < first {
		next, err := c.next()
		if err != nil {
			return Chain{}, err
		}
		c = next
	}
	return c, nil
}

func (c Chain) next() (Chain, error) {
	secret, err := hkdf.Key(sha256.New, c.Secret, nil, "letterlock session tickets, the next turn", sha256.Size)
	return Chain{c.Turn + 1, secret}, err
}

// Keys returns the keys for a name at a time, in the order of Secret.Keys.
func (c Chain) Keys(name string, now time.Time) ([][32]byte, error) {
	c, err := c.At(now)
	if err != nil {
		return nil, err
	}
	secrets := map[int64]Secret{}
	for range Kept + 1 {
		secrets[c.Turn] = c.Secret
		if c, err = c.next(); err != nil {
			return nil, err
		}
	}
	return keys(name, now, func(turn int64) (Secret, bool) {
		s, known := secrets[turn]
		return s, known
	})
}

// Same reports whether two chains have the same secrets at a time.
func (c Chain) Same(other Chain, now time.Time) bool {
	a, err := c.At(now)
	if err != nil {
		return false
	}
	b, err := other.At(now)
	if err != nil {
		return false
	}
	for a.Turn < b.Turn && err == nil {
		a, err = a.next()
	}
	for b.Turn < a.Turn && err == nil {
		b, err = b.next()
	}
	return err == nil && bytes.Equal(a.Secret, b.Secret)
}

func (c Chain) equal(other source) bool {
	o, same := other.(Chain)
	return same && c.Turn == o.Turn && bytes.Equal(c.Secret, o.Secret)
}
