//go:build linux

package main

import (
	"errors"
	"sync"
	"time"

	"github.com/letterlock/letterlock/bench/measure"
	"github.com/letterlock/letterlock/bench/peers"
)

// sitting is a proxy with idle sessions.
type sitting struct {
	proxy   *proxy
	outcome outcome
	close   func() error
}

// holdIdle starts new proxies one after another, opens idle sessions at each,
// and reads its memory a minute later. The minutes overlap, because idle
// sessions do not disturb other measurements of memory.
func holdIdle(s *stage, order []*peers.Peer, n int, wait time.Duration, report func(*peers.Peer, outcome, error)) error {
	var group sync.WaitGroup
	var mu sync.Mutex
	var failed error
	for _, p := range order {
		if p.Most > 0 && n > p.Most {
			report(p, outcome{}, notSame("was not asked: "+p.MostWhy))
			continue
		}
		each, err := seat(s, p, n)
		if err != nil {
			report(p, outcome{}, err)
			continue
		}
		group.Go(func() {
			time.Sleep(wait)
			late, err := measure.Memory(each.proxy.PIDs())
			each.outcome.late = late
			mu.Lock()
			defer mu.Unlock()
			report(p, each.outcome, err)
			failed = errors.Join(failed, each.close(), s.stop(each.proxy))
		})
	}
	group.Wait()
	return failed
}

func seat(s *stage, p *peers.Peer, n int) (*sitting, error) {
	x, err := s.start(p, ecdsa, 0)
	if err != nil {
		return nil, err
	}
	o, close, err := sit(s, x, idleJob(n))
	if err != nil {
		return nil, errors.Join(err, s.stop(x))
	}
	return &sitting{x, o, close}, nil
}
