package outbound

import (
	"crypto/tls"
	"fmt"
)

// Sessions remembers TLS sessions with servers, so that they can be resumed.
// One that was made under some terms is not resumed under others. The zero
// value remembers none.
type Sessions struct{ cache tls.ClientSessionCache }

// NewSessions remembers n sessions, the latest.
func NewSessions(n int) Sessions { return Sessions{tls.NewLRUClientSessionCache(n)} }

// For is the part of the memory for some terms with a server.
func (s Sessions) For(t Terms, server string) tls.ClientSessionCache {
	if s.cache == nil {
		return nil
	}
	return part{s.cache, fmt.Sprintf("%s %s %s %q %t ", t.Level, t.Policy.Name, server, t.Match, t.Certificate != nil)}
}

type part struct {
	cache  tls.ClientSessionCache
	prefix string
}

func (p part) Get(key string) (*tls.ClientSessionState, bool) { return p.cache.Get(p.prefix + key) }

func (p part) Put(key string, state *tls.ClientSessionState) { p.cache.Put(p.prefix+key, state) }
