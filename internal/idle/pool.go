// Package idle keeps connections to other servers between two messages, so that the
// next message needs no new connection and no handshake. It closes a connection that is
// not used for a while, and one on which the server closes, or sends anything.
package idle

import (
	"slices"
	"sync"
	"time"

	"github.com/letterlock/letterlock/internal/wire"
)

// Limits bound the connections of a Pool. All are set.
type Limits struct {
	Idle       time.Duration // between two messages
	Age        time.Duration // since the first message
	Messages   int           // on a connection
	PerAddress int
	All        int
}

// Pool holds the connections. V holds what the caller needs to know about each.
type Pool[V any] struct {
	limits Limits
	quit   func(V) // closes a connection

	mu      sync.Mutex
	closed  bool
	entries map[string][]*Entry[V] // by address, the latest last
	count   int
	waits   sync.WaitGroup // a goroutine for each entry
}

// Entry is a connection between two messages. Its user sets the exported fields.
type Entry[V any] struct {
	Address  string
	Conn     *wire.Conn
	Value    V
	Messages int    // that the connection has carried
	Free     func() // frees the descriptor while no session has the connection

	first    time.Time // when the connection was kept first
	acquired bool
	quiet    chan bool // of an acquired entry: nothing has arrived while it was kept
}

// New returns an empty pool. quit closes a connection that is not used any more.
func New[V any](limits Limits, quit func(V)) *Pool[V] {
	return &Pool[V]{limits: limits, quit: quit, entries: map[string][]*Entry[V]{}}
}

// Keep keeps a connection whose session has released it. It closes one that has
// reached a limit, or for which there is no room.
func (p *Pool[V]) Keep(e *Entry[V]) {
	now := time.Now()
	if e.first.IsZero() {
		e.first = now
	}
	until := now.Add(p.limits.Idle)
	if last := e.first.Add(p.limits.Age); last.Before(until) {
		until = last
	}
	if !p.add(e, now, until) {
		p.discard(e)
	}
}

// add adds an entry, and starts to wait for its end. It reports false if a limit is
// reached.
func (p *Pool[V]) add(e *Entry[V], now, until time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	full := p.count >= p.limits.All || len(p.entries[e.Address]) >= p.limits.PerAddress
	if p.closed || full || e.Messages >= p.limits.Messages || !now.Before(until) {
		return false
	}
	e.acquired, e.quiet = false, make(chan bool, 1)
	p.entries[e.Address] = append(p.entries[e.Address], e)
	p.count++
	e.Conn.ReadBy(until)
	p.waits.Go(func() { p.wait(e) })
	return true
}

// wait waits until an entry is acquired or ends. It closes one that ends.
func (p *Pool[V]) wait(e *Entry[V]) {
	quiet := e.Conn.Quiet()
	p.mu.Lock()
	acquired := e.acquired
	if !acquired {
		p.remove(e)
	}
	p.mu.Unlock()
	if acquired {
		e.quiet <- quiet
		return
	}
	p.discard(e)
}

// remove removes an entry. The caller holds mu.
func (p *Pool[V]) remove(e *Entry[V]) {
	rest := slices.DeleteFunc(p.entries[e.Address], func(other *Entry[V]) bool { return other == e })
	if p.entries[e.Address] = rest; len(rest) == 0 {
		delete(p.entries, e.Address)
	}
	p.count--
}

// discard closes a connection.
func (p *Pool[V]) discard(e *Entry[V]) {
	p.quit(e.Value)
	e.Free()
}

// Acquire removes the latest connection to an address that fits, and returns it; nil if
// there is none. The server has sent nothing since the connection was kept. fits must
// not block.
func (p *Pool[V]) Acquire(address string, fits func(V) bool) *Entry[V] {
	for {
		e := p.choose(address, fits)
		if e == nil {
			return nil
		}
		wake(e.Conn)
		if <-e.quiet {
			e.Free()
			return e
		}
		p.discard(e)
	}
}

func (p *Pool[V]) choose(address string, fits func(V) bool) *Entry[V] {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, e := range slices.Backward(p.entries[address]) {
		if fits(e.Value) {
			e.acquired = true
			p.remove(e)
			return e
		}
	}
	return nil
}

// wake ends the wait for a connection.
func wake(c *wire.Conn) { c.ReadBy(time.Unix(1, 0)) }

// Len returns the number of connections.
func (p *Pool[V]) Len() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.count
}

// Close closes all connections and waits for that. From then on Keep closes every
// connection.
func (p *Pool[V]) Close() {
	p.mu.Lock()
	p.closed = true
	for _, all := range p.entries {
		for _, e := range all {
			wake(e.Conn)
		}
	}
	p.mu.Unlock()
	p.waits.Wait()
}
