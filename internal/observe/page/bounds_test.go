package page

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"testing"

	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/observe"
)

// Clients can send any values at any rate: the memory stays bounded.
func TestMemoryIsBounded(t *testing.T) {
	const events = 100_000
	s := newProxied(Options{})
	for i := range events {
		word := fmt.Sprintf("word-%d", i)
		info := newInfo(word, "imaps")
		info.Client = netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), uint16(i))
		s.All.Opened(info)
		info.TLS = &tls.ConnectionState{Version: uint16(i), CipherSuite: uint16(i), CurveID: tls.CurveID(i)}
		s.All.TLSEstablished(info)
		s.All.HandshakeFailed(info, observe.Offer{ServerName: word}, errors.New(word))
		s.All.LoginRefused(info, word)
		info.User = word
		s.All.Login(info, word, word, gate.Answer{Outcome: gate.Outcome(i % 2)})
		if i%2 == 0 {
			s.All.Closed(info, observe.Summary{Reason: gate.Reason(i % (int(gate.Internal) + 1)), Err: errors.New(word)})
		}
	}
	counts, err := s.counts.snapshot()
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, rows := range counts {
		n += len(rows)
	}
	if n > 200 {
		t.Errorf("%d counters after events with many different values", n)
	}
	r := mustReport(t, s.Status)
	expect(t, "open sessions", r.Sessions.Open, events/2)
	expect(t, "open sessions shown", len(r.Open), maxShown)
	expect(t, "newest ended session", r.Recent[0].ID, fmt.Sprintf("word-%d", events-2))
	expect(t, "oldest ended session", r.Recent[maxRecent-1].ID, fmt.Sprintf("word-%d", events-2*maxRecent))
}

func TestManyGoroutines(t *testing.T) {
	const writers, sessions = 8, 200
	s := New(options())
	h := s.Handler()
	var running sync.WaitGroup
	for w := range writers {
		running.Go(func() {
			for i := range sessions {
				info := newInfo(fmt.Sprintf("%d-%d", w, i), "imaps")
				s.Opened(info)
				info.TLS = tls13()
				s.TLSEstablished(info)
				info.User = "alice"
				s.Login(info, "alice", "PLAIN", gate.Answer{})
				s.LoginRefused(info, "LOGIN")
				s.HandshakeFailed(info, observe.Offer{}, errors.New("broken"))
				s.ConnectionRejected(info.Listener, info.Client, "limits.connections")
				s.Closed(info, observe.Summary{Received: 1, Sent: 2})
			}
		})
	}
	for _, path := range []string{"/", "/status.json", "/metrics"} {
		running.Go(func() {
			for range 20 {
				get(t, h, path)
			}
		})
	}
	running.Wait()
	r := mustReport(t, s)
	expect(t, "sessions", r.Sessions, totals{
		Opened: writers * sessions, Rejected: writers * sessions, Handshakes: writers * sessions,
		HandshakeFailures: writers * sessions, Logins: writers * sessions,
	})
	expect(t, "bytes", r.Services[0].Sent, uint64(2*writers*sessions))
}
