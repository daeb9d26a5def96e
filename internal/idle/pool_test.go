package idle

import (
	"io"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/letterlock/letterlock/internal/wire"
)

var small = Limits{Idle: 10 * time.Second, Age: time.Minute, Messages: 5, PerAddress: 2, All: 3}

// peers is a pool with the other ends of its connections.
type peers struct {
	*Pool[string]
	t *testing.T

	mu    sync.Mutex
	conns map[string]*wire.Conn
	ended []string // the values of closed connections
	held  int      // descriptors
}

func newPeers(t *testing.T) *peers {
	p := &peers{t: t, conns: map[string]*wire.Conn{}}
	p.Pool = New(small, func(name string) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.conns[name].Abort()
		p.ended = append(p.ended, name)
	})
	t.Cleanup(p.Close)
	return p
}

// entry returns a new connection and its other end.
func (p *peers) entry(address, name string) (*Entry[string], net.Conn) {
	own, peer := net.Pipe()
	p.t.Cleanup(func() { _, _ = own.Close(), peer.Close() })
	conn := wire.New(own, wire.Limits{Line: 100, Wait: time.Second, Text: time.Second, Verdict: time.Second, Write: time.Second, Backend: true})
	if !conn.Release() {
		p.t.Error("a new connection is not released")
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.conns[name] = conn
	return &Entry[string]{Address: address, Conn: conn, Value: name, Free: func() { p.count(-1) }}, peer
}

func (p *peers) keep(address, name string) net.Conn {
	e, peer := p.entry(address, name)
	p.hold(e)
	return peer
}

// hold keeps a connection, as a session does.
func (p *peers) hold(e *Entry[string]) {
	p.count(1)
	p.Keep(e)
}

func (p *peers) count(descriptors int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.held += descriptors
}

func (p *peers) acquire(address string) string {
	e := p.Acquire(address, func(string) bool { return true })
	if e == nil {
		return ""
	}
	return e.Value
}

func (p *peers) expect(kept int, ended ...string) {
	p.t.Helper()
	synctest.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.Len() != kept || len(p.ended) != len(ended) || p.held != kept {
		p.t.Errorf("%d kept, %v closed, %d descriptors; want %d, %v", p.Len(), p.ended, p.held, kept, ended)
	}
}

func TestAcquire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPeers(t)
		p.keep("a", "first")
		p.keep("a", "second")
		p.keep("b", "other")
		if e := p.Acquire("a", func(name string) bool { return name == "first" }); e == nil || e.Value != "first" {
			t.Error(e)
		}
		if got := p.acquire("a") + p.acquire("a") + p.acquire("c") + p.acquire("b"); got != "secondother" {
			t.Error(got)
		}
		p.expect(0)
	})
}

// A connection ends after the idle time, the longest age and the last message.
func TestH24_ConnectionsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPeers(t)
		p.keep("a", "idle")
		time.Sleep(small.Idle - time.Second)
		p.expect(1)
		time.Sleep(time.Second)
		p.expect(0, "idle")

		e, _ := p.entry("a", "old")
		for range 7 {
			p.hold(e)
			time.Sleep(small.Idle - time.Second)
			if p.acquire("a") == "" {
				break
			}
		}
		p.expect(0, "idle", "old")

		e, _ = p.entry("a", "used up")
		e.Messages = small.Messages
		p.hold(e)
		p.expect(0, "idle", "old", "used up")
	})
}

func TestH24_ConnectionsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPeers(t)
		p.keep("a", "1")
		p.keep("a", "2")
		p.keep("a", "beyond those of an address")
		p.keep("b", "3")
		p.keep("c", "beyond all")
		p.expect(3, "beyond those of an address", "beyond all")
	})
}

// A connection on which anything arrives is closed at once.
func TestH24_ServersThatDoNotWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPeers(t)
		_, _ = io.WriteString(p.keep("a", "sends"), "421 timeout\r\n")
		_ = p.keep("a", "closes").Close()
		p.expect(0, "sends", "closes")
		if got := p.acquire("a"); got != "" {
			t.Error(got)
		}
	})
}

// An acquired connection can be read from, and the time of its last reply no longer counts.
func TestAcquiredConnectionIsRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPeers(t)
		peer := p.keep("a", "x")
		time.Sleep(small.Idle / 2)
		p.acquire("a")
		go func() { _, _ = io.WriteString(peer, "250 ok\r\n") }()
		c := p.conns["x"]
		c.Deadline(time.Now().Add(time.Second))
		c.AwaitReply()
		if line, err := c.ReadLine(); err != nil || string(line) != "250 ok" {
			t.Errorf("%q, %v", line, err)
		}
	})
}

func TestClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPeers(t)
		p.keep("a", "kept")
		p.Close()
		p.expect(0, "kept")
		p.keep("a", "too late")
		p.expect(0, "kept", "too late")
	})
}
