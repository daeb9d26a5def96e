package tickets

import (
	"errors"
	"slices"
	"testing"
	"time"
)

// Instances with one chain have the same keys at each time, although one has seen the
// chain long ago and the other now.
func TestChainsAgree(t *testing.T) {
	old := NewChain(noon)
	later := noon.Add(10*Turn + time.Minute)
	now, err := old.At(later)
	if err != nil {
		t.Fatal(err)
	}
	if now.Turn != turnOf(later)-Kept+1 || slices.Equal(now.Secret, old.Secret) {
		t.Errorf("the chain is still at turn %d", now.Turn)
	}
	a, errA := old.Keys("imaps", later)
	b, errB := now.Keys("imaps", later)
	if errA != nil || errB != nil || !slices.Equal(a, b) || len(a) != Kept+1 {
		t.Errorf("%x, %v; %x, %v", a, errA, b, errB)
	}
	if !old.Same(now, later) || !now.Same(old, later) || now.Same(NewChain(later), later) {
		t.Error("Same is wrong")
	}
}

// As with a secret, an instance whose clock is a turn ahead understands, and is
// understood.
func TestChainKeysOverlap(t *testing.T) {
	c := NewChain(noon)
	now, _ := c.Keys("imaps", noon)
	later, _ := c.Keys("imaps", noon.Add(Turn))
	if later[1] != now[0] || later[2] != now[1] || now[Kept] != later[0] {
		t.Error("the keys of two turns do not overlap")
	}
	if other, _ := c.Keys("pop3s", noon); other[0] == now[0] {
		t.Error("two names have the same key")
	}
}

// The state of a time does not reveal the keys of tickets that are not accepted any more.
func TestChainForgets(t *testing.T) {
	c := NewChain(noon)
	early, _ := c.Keys("imaps", noon)
	late, _ := c.At(noon.Add(Kept * Turn))
	if keys, err := late.Keys("imaps", noon); err == nil && slices.Contains(keys, early[0]) {
		t.Error("an old key follows from a later state")
	}
}

func TestChainsThatCannotBeUsed(t *testing.T) {
	good := NewChain(noon)
	for name, c := range map[string]Chain{
		"no secret":       {good.Turn, nil},
		"a short secret":  {good.Turn, good.Secret[1:]},
		"from the future": {good.Turn + 5, good.Secret},
		"too old":         {good.Turn - maxSteps - 1, good.Secret},
		"before the sea":  {-1 << 62, good.Secret},
	} {
		if _, err := c.At(noon); !errors.Is(err, ErrChain) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := c.Keys("imaps", noon); !errors.Is(err, ErrChain) {
			t.Errorf("%s: keys: %v", name, err)
		}
	}
}

// A ring follows a chain, and needs no word when a turn begins.
func TestRingFollowsAChain(t *testing.T) {
	c := NewChain(noon)
	r := NewRing(Random())
	if err := r.Follow(c, noon); err != nil {
		t.Fatal(err)
	}
	if err := r.Advance(noon.Add(Turn)); err != nil {
		t.Fatal(err)
	}
	if err := r.Follow(Chain{}, noon); !errors.Is(err, ErrChain) && err != nil {
		t.Fatal(err)
	}
}
