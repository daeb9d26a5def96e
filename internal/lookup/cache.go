package lookup

import (
	"container/list"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"sync"
	"time"
)

// key identifies a query. It is a keyed sum of all headers of the request, so that the
// cache holds no name or password, and an attacker cannot choose a key.
type key [sha256.Size]byte

func newSecret() []byte {
	secret := make([]byte, sha256.Size)
	_, _ = rand.Read(secret) // it never fails
	return secret
}

func keyOf(fields []field, secret []byte) (k key) {
	mac := hmac.New(sha256.New, secret)
	for _, f := range fields {
		for _, text := range []string{f.name, f.value} {
			_, _ = mac.Write(binary.BigEndian.AppendUint32(nil, uint32(len(text)))) //nolint:gosec // bounded by the limits of a login
			_, _ = mac.Write([]byte(text))
		}
	}
	mac.Sum(k[:0])
	return k
}

// cache keeps answers for a while. A new answer evicts the oldest if the cache is full.
// The libraries for this run a goroutine that cannot be ended.
type cache struct {
	keep time.Duration
	most int

	mu      sync.Mutex
	entries map[key]*list.Element
	order   *list.List // of entry, the oldest first
}

type entry struct {
	key    key
	answer Answer
	until  time.Time
}

func newCache(keep time.Duration, most int) *cache {
	return &cache{keep: keep, most: most, entries: map[key]*list.Element{}, order: list.New()}
}

func (c *cache) get(k key, now time.Time) (Answer, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	element, known := c.entries[k]
	if !known {
		return Answer{}, false
	}
	e := element.Value.(entry)
	if !now.Before(e.until) {
		c.remove(element)
		return Answer{}, false
	}
	return e.answer, true
}

// put adds an answer. One with a password is not kept: the password would stay in memory.
func (c *cache) put(k key, a Answer, now time.Time) {
	if c.keep <= 0 || c.most <= 0 || a.Password != "" {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if element, known := c.entries[k]; known {
		c.remove(element)
	}
	for c.order.Len() >= c.most {
		c.remove(c.order.Front())
	}
	c.entries[k] = c.order.PushBack(entry{k, a, now.Add(c.keep)})
}

func (c *cache) remove(element *list.Element) {
	delete(c.entries, element.Value.(entry).key)
	c.order.Remove(element)
}
