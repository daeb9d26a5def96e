package proxy

import (
	"context"
	"fmt"
	"io"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/test/wait"
	"github.com/letterlock/letterlock/internal/upstream/reversedns"
	"github.com/letterlock/letterlock/internal/wire"
)

// oneName is a DNS in which 192.0.2.1 has a name, and queries for 192.0.2.4 get
// no answer.
type oneName struct{}

func (oneName) LookupAddr(ctx context.Context, address string) ([]string, error) {
	if address == "192.0.2.4" {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return []string{"mail.example.net."}, nil
}

func (oneName) LookupNetIP(context.Context, string, string) ([]netip.Addr, error) {
	return []netip.Addr{netip.MustParseAddr("192.0.2.1")}, nil
}

// deafDNS is a resolver that answers no query, and counts them.
type deafDNS struct {
	oneName
	mu           sync.Mutex
	asking, most int
}

func (s *deafDNS) LookupAddr(ctx context.Context, _ string) ([]string, error) {
	s.mu.Lock()
	s.asking++
	s.most = max(s.most, s.asking)
	s.mu.Unlock()
	<-ctx.Done()
	s.mu.Lock()
	s.asking--
	s.mu.Unlock()
	return nil, ctx.Err()
}

func (s *deafDNS) now() (asking, most int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asking, s.most
}

// naming returns a world whose clients connect through a load balancer and are
// looked up.
func naming(t *testing.T, resolver reversedns.Resolver) (w *world, from func(address string) client) {
	w = behind(t, func(s *setup) {
		s.Resolver, s.Timeouts.ReverseDNS = resolver, time.Hour
		s.Listeners[0].ReverseDNS = true
	})
	return w, func(address string) client {
		conn := w.dial()
		family := "TCP4"
		if strings.Contains(address, ":") {
			family = "TCP6"
		}
		_, _ = io.WriteString(conn.Conn, "PROXY "+family+" "+address+" "+address+" 4321 25\r\n")
		return conn
	}
}

// H6: a client that has sent nothing causes no lookup.
func TestH6_LookupsBeginWhenTheClientSpeaks(t *testing.T) {
	t.Parallel()
	s := &deafDNS{}
	w, from := naming(t, s)
	silent := from("192.0.2.4")
	silent.expect("hello")
	_ = silent.Close()
	wait.Until(t, "the session has not ended", func() bool { return w.Sessions() == 0 })
	if _, most := s.now(); most != 0 {
		t.Errorf("%d lookups for a client that has sent nothing", most)
	}
}

// H6: a lookup ends with the last session that waits for it.
func TestH6_LookupsEndWithTheirSessions(t *testing.T) {
	t.Parallel()
	s := &deafDNS{}
	w, from := naming(t, s)
	var clients []client
	for range 20 {
		c := from("192.0.2.4")
		c.expect("hello")
		c.send("LOGIN")
		c.expect("welcome")
		clients = append(clients, c)
	}
	wait.Until(t, "there is no query", func() bool { asking, _ := s.now(); return asking == 1 })
	for _, c := range clients {
		_ = c.Close()
	}
	wait.Until(t, "the lookup has not ended", func() bool { asking, _ := s.now(); return asking == 0 && w.Sessions() == 0 })
	if known, busy := w.clients.names.Len(); known != 0 || busy != 0 {
		t.Errorf("%d addresses and %d clients are kept", known, busy)
	}
}

// maxLookups is the number of lookups that run at the same time.
const maxLookups = 64

// H6: the number of lookups is bounded, and there is one at a time for an IPv6
// /64.
func TestH6_LookupsAreBounded(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		address func(i int) string
		most    int
	}{
		"many clients": {func(i int) string { return fmt.Sprintf("192.0.%d.%d", 2+i/200, 1+i%200) }, maxLookups},
		"one /64":      {func(i int) string { return fmt.Sprintf("2001:db8::%x", i+1) }, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &deafDNS{}
			w, from := naming(t, s)
			for i := range 2 * maxLookups {
				c := from(test.address(i))
				c.expect("hello")
				c.send("LOGIN")
				c.expect("welcome")
			}
			wait.Until(t, "there are too few queries", func() bool { asking, _ := s.now(); return asking == test.most })
			if _, most := s.now(); most > test.most {
				t.Errorf("%d lookups at once", most)
			}
			if err := w.stop(20 * time.Second); err != nil {
				t.Error(err)
			}
		})
	}
}

// nameGate sends the client its name.
type nameGate struct {
	plainGate
	s *gate.Session
}

func (g nameGate) Secure(front *wire.Stream) error {
	front.Print(fmt.Sprintf("%+v\r\n", g.s.ClientName()))
	_ = front.Flush()
	return gate.Because(gate.Done, nil)
}

func TestNameOfAClient(t *testing.T) {
	t.Parallel()
	w := behind(t, func(s *setup) {
		s.Resolver, s.Timeouts.ReverseDNS = oneName{}, 10*time.Second
		s.Listeners[0].ReverseDNS = true
		s.Listeners[0].NewGate = func(s *gate.Session) Gate { return nameGate{plainGate{s}, s} }
	})
	conn := w.dial()
	_, _ = io.WriteString(conn.Conn, "PROXY TCP4 192.0.2.1 192.0.2.25 4321 25\r\n")
	conn.expect("{Confirmed:mail.example.net Claimed:mail.example.net Temporary:false}")
}

// A shutdown does not wait for the DNS.
func TestShutdownWhileLookingUp(t *testing.T) {
	t.Parallel()
	w := behind(t, func(s *setup) {
		s.Resolver, s.Timeouts.ReverseDNS = oneName{}, time.Hour
		s.Listeners[0].ReverseDNS = true
		s.Listeners[0].NewGate = func(s *gate.Session) Gate { return nameGate{plainGate{s}, s} }
	})
	conn := w.dial()
	_, _ = io.WriteString(conn.Conn, "PROXY TCP4 192.0.2.4 192.0.2.25 4321 25\r\n")
	wait.Until(t, "no session", func() bool { return w.Sessions() == 1 })
	if err := w.stop(20 * time.Second); err != nil {
		t.Fatal(err)
	}
	conn.expect("{Confirmed: Claimed: Temporary:true}")
}
