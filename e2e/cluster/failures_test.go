package cluster

import (
	"fmt"
	"math/rand/v2"
	"syscall"
	"testing"
	"time"

	"github.com/letterlock/letterlock/e2e/world"
)

// failure is something that breaks, and is repaired later.
type failure struct {
	name      string
	fail      func() error
	repair    func() error
	instances []*instance // that must serve again after the repair
}

// failures returns all failures, each once for each part that can fail, in an
// order that depends on the seed.
func (s *site) failures() []failure {
	var all []failure
	for _, i := range s.instances {
		all = append(all, failure{i.Name + " is killed", func() error { return i.process().Kill() }, i.start, []*instance{i}})
	}
	for _, i := range s.instances {
		replace := func() error {
			i.version = versions[1]
			if err := i.process().Signal(syscall.SIGTERM); err != nil {
				return err
			}
			return i.process().Wait(world.Patience)
		}
		all = append(all, failure{i.Name + " is replaced by a newer version", replace, i.start, []*instance{i}})
	}
	for _, host := range s.mail {
		all = append(all, failure{host.Node.Name + " is killed", host.Kill, host.Restart, nil})
	}
	right := s.instances[2:]
	all = append(all, failure{
		"the halves are cut off from each other",
		func() error { return s.lan.Cut(true) }, func() error { return s.lan.Cut(false) }, right,
	})
	all = append(all, s.storeFailures()...)
	rand.New(rand.NewPCG(*seed, 0)).Shuffle(len(all), func(a, b int) { all[a], all[b] = all[b], all[a] })
	return all
}

// cause lets something fail while the clients work, and repairs it. During the
// failure, and after it, all services must go on.
func (s *site) cause(t *testing.T, l *load, f failure) {
	t.Helper()
	begun := time.Now()
	must(t, f.fail())
	s.awaitProgress(t, l)
	must(t, f.repair())
	for _, i := range f.instances {
		s.awaitSessions(t, i)
	}
	s.awaitStore(t)
	s.awaitProgress(t, l)
	t.Logf("%s: %.1f s", f.name, time.Since(begun).Seconds())
}

// awaitProgress waits until the clients of each service have succeeded a few
// more times.
func (s *site) awaitProgress(t *testing.T, l *load) {
	t.Helper()
	const more = 6
	before := l.progress()
	var slow string
	if !happens(func() bool {
		slow = ""
		for name, n := range l.progress() {
			if n < before[name]+more {
				slow = name
			}
		}
		return slow == ""
	}) {
		t.Fatalf("%s is not served\n%s", slow, s.tails())
	}
}

// awaitSessions waits until an instance serves clients of the load balancer.
func (s *site) awaitSessions(t *testing.T, i *instance) {
	t.Helper()
	before := i.sessions()
	if !happens(func() bool { return i.sessions() > before+3 }) {
		t.Fatalf("%s serves no clients\n%s", i.Name, s.tails())
	}
}

// happens reports whether an event happens while the tests wait.
func happens(event func() bool) bool {
	for end := time.Now().Add(world.Patience); !event(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			return false
		}
	}
	return true
}

// tails returns the ends of all logs.
func (s *site) tails() (text string) {
	all := []*world.Process{s.balancer}
	for _, host := range s.mail {
		all = append(all, host.Dovecot, host.Keeper.Postfix)
	}
	for _, i := range s.instances {
		all = append(all, i.process())
	}
	for _, server := range s.store {
		all = append(all, server.Redis, server.Sentinel)
	}
	for _, p := range all {
		text += fmt.Sprintf("%s:\n%s\n\n", p.Name, p.Log.Tail())
	}
	return text
}
