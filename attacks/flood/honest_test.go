//go:build linux

package flood

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"sync"
	"time"
)

// endings are the commands of an honest client after the last step that it
// shares with a hostile one.
var endings = map[string]struct {
	step string
	more []exchange
}{
	"smtp":        {"recipient", mail},
	"submission":  {"recipient", mail},
	"submissions": {"recipient", mail},
	"smarthost":   {"recipient", mail},
	"imap":        {"relay", []exchange{{"b NOOP", "b OK"}, {"c LOGOUT", "* BYE"}}},
	"imaps":       {"relay", []exchange{{"b NOOP", "b OK"}, {"c LOGOUT", "* BYE"}}},
	"pop3":        {"relay", []exchange{{"NOOP", "+OK"}, {"QUIT", "+OK"}}},
	"pop3s":       {"relay", []exchange{{"NOOP", "+OK"}, {"QUIT", "+OK"}}},
	"sieve":       {"relay", []exchange{{"NOOP", "OK"}, {"LOGOUT", "OK"}}},
}

var mail = []exchange{{"DATA", "354"}, {"Subject: honest\r\n\r\ntext\r\n.", "250 "}, {"QUIT", "221"}}

// honestScript returns the commands of an honest client, who is another user.
func honestScript(service string) []exchange {
	end := endings[service]
	all := append(slices.Clone(script(service, end.step)), end.more...)
	for i := range all {
		all[i].send = strings.NewReplacer(login, honestLogin, "mallory", "alice", "flood.example", "honest.example").Replace(all[i].send)
	}
	return all
}

// patience is the maximum time of an honest session.
const patience = 30 * time.Second

// honest are clients of every service, some of them in the same networks as
// hostile ones.
type honest struct {
	addresses map[string]string

	mu       sync.Mutex
	times    map[string][]time.Duration // by service
	failures []string
	messages int
}

// pause is the time between two sessions of one client. There are two clients
// of each service.
const pause = 180 * time.Millisecond

func (w *world) newHonest() *honest {
	return &honest{addresses: w.addresses, times: map[string][]time.Duration{}}
}

func (h *honest) runFor(d time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	defer cancel()
	h.run(ctx)
}

// run runs sessions until the context ends.
func (h *honest) run(ctx context.Context) {
	var running sync.WaitGroup
	for i, service := range services {
		for _, near := range []bool{false, true} {
			running.Go(func() {
				for ctx.Err() == nil {
					h.one(service, home(i, near))
					select {
					case <-ctx.Done():
					case <-time.After(pause/2 + rand.N(pause)):
					}
				}
			})
		}
	}
	running.Wait()
}

// home returns an address of an honest client: in a network that all hostile
// clients use, or far from them.
func home(i int, near bool) net.IP {
	if near {
		return net.IPv4(127, 16, byte(rand.IntN(2)), byte(201+rand.IntN(50)))
	}
	return net.IPv4(127, 200, byte(i), byte(1+rand.IntN(200)))
}

// one runs a whole session. It is never interrupted, because its time counts.
func (h *honest) one(service string, from net.IP) {
	begun := time.Now()
	err := h.session(service, from)
	took := time.Since(begun)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.times[service] = append(h.times[service], took)
	if err != nil {
		h.failures = append(h.failures, fmt.Sprintf("%s from %s, after %s: %v", service, from, took.Round(time.Millisecond), err))
		return
	}
	if endings[service].step == "recipient" {
		h.messages++
	}
}

func (h *honest) session(service string, from net.IP) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	s, err := dial(ctx, from, h.addresses[service])
	if err != nil {
		return err
	}
	defer func() { _ = s.socket.Close() }()
	_ = s.SetDeadline(later(patience))
	return s.follow(honestScript(service))
}

// percentile returns the time in which a percentage of the sessions of a
// service ended.
func (h *honest) percentile(service string, percent int) time.Duration {
	times := slices.Sorted(slices.Values(h.times[service]))
	if len(times) == 0 {
		return 0
	}
	return times[(len(times)*percent+99)/100-1]
}

func (h *honest) sessions() (n int) {
	for _, times := range h.times {
		n += len(times)
	}
	return n
}
