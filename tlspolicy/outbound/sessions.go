package outbound

import (
	"crypto/tls"
	"fmt"
)

// Sessions remembers TLS sessions with servers, so that they can be resumed. A
// session is resumed only under the terms that it was made under. The zero
// value remembers none.
type Sessions struct{ cache tls.ClientSessionCache }

// NewSessions returns Sessions that remember the n latest.
func NewSessions(n int) Sessions { return Sessions{tls.NewLRUClientSessionCache(n)} }

// For returns the cache for connections to a server under some terms.
func (s Sessions) For(t Terms, server string) tls.ClientSessionCache {
	if s.cache == nil {
		return nil
	}
	return part{s.cache, fmt.Sprintf("%s %s %s %q %t ", t.Level, t.Policy.Name, server, t.Match, t.Certificate != nil)}
}

// part is the part of a cache whose keys have a prefix.
type part struct {
	cache  tls.ClientSessionCache
	prefix string
}

func (p part) Get(key string) (*tls.ClientSessionState, bool) { return p.cache.Get(p.prefix + key) }

func (p part) Put(key string, state *tls.ClientSessionState) { p.cache.Put(p.prefix+key, state) }
