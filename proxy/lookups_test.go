package proxy

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/letterlock/letterlock/internal/test/wait"
)

// deafDNS is a resolver that answers nobody, and counts the questions.
type deafDNS struct {
	zone
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

// naming is a world whose clients come through a balancer and are looked up.
func naming(t *testing.T, resolver Resolver) (w *world, from func(address string) client) {
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

// H6: a client that has said nothing costs no lookup.
func TestH6_LookupsBeginWhenTheClientSpeaks(t *testing.T) {
	s := &deafDNS{}
	w, from := naming(t, s)
	silent := from("192.0.2.4")
	silent.hear("hello")
	_ = silent.Close()
	wait.Until(t, "the session is left", func() bool { return w.Sessions() == 0 })
	if _, most := s.now(); most != 0 {
		t.Errorf("%d lookups for a client that has said nothing", most)
	}
}

// H6: a lookup ends with the last session that waits for it.
func TestH6_LookupsEndWithTheirSessions(t *testing.T) {
	s := &deafDNS{}
	w, from := naming(t, s)
	var clients []client
	for range 20 {
		c := from("192.0.2.4")
		c.hear("hello")
		c.say("LOGIN")
		c.hear("welcome")
		clients = append(clients, c)
	}
	wait.Until(t, "nobody asks", func() bool { asking, _ := s.now(); return asking == 1 })
	for _, c := range clients {
		_ = c.Close()
	}
	wait.Until(t, "the lookup goes on", func() bool { asking, _ := s.now(); return asking == 0 && w.Sessions() == 0 })
	w.reverse.mu.Lock()
	defer w.reverse.mu.Unlock()
	if len(w.reverse.known) != 0 || len(w.reverse.busy) != 0 {
		t.Errorf("%d addresses and %d clients are kept", len(w.reverse.known), len(w.reverse.busy))
	}
}

// H6: lookups are bounded in all, and of one IPv6 /64 there is one at a time.
func TestH6_LookupsAreBounded(t *testing.T) {
	for name, test := range map[string]struct {
		address func(i int) string
		most    int
	}{
		"many clients": {func(i int) string { return fmt.Sprintf("192.0.%d.%d", 2+i/200, 1+i%200) }, maxLookups},
		"one /64":      {func(i int) string { return fmt.Sprintf("2001:db8::%x", i+1) }, 1},
	} {
		t.Run(name, func(t *testing.T) {
			s := &deafDNS{}
			w, from := naming(t, s)
			for i := range 2 * maxLookups {
				c := from(test.address(i))
				c.hear("hello")
				c.say("LOGIN")
				c.hear("welcome")
			}
			wait.Until(t, "nobody asks", func() bool { asking, _ := s.now(); return asking == test.most })
			if _, most := s.now(); most > test.most {
				t.Errorf("%d lookups at once", most)
			}
			if err := w.stop(20 * time.Second); err != nil {
				t.Error(err)
			}
		})
	}
}
