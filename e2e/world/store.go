package world

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"
)

// store is the set of packages with Redis.
const store = "store"

// StoreServer is a machine with a Redis and a Sentinel.
type StoreServer struct {
	Node        *Node
	Dir         string
	Certificate Pair
	CA          string // a PEM file
	Password    string // of all users
	Rules       string // the ACL of the user letterlock
	First       string // the address of the first primary
	Primary     string // the address of the primary at the start; empty: this one
	MaxMemory   string

	Redis, Sentinel *Process

	w *World
}

// StoreOptions hold the settings that the servers of a store have in common.
type StoreOptions struct {
	Certificate Pair
	CA          string
	Rules       string // the ACL of the user letterlock
}

// StorePassword is the password of all users of the store.
const StorePassword = "word-of-the-store"

// StartStore starts a Redis and a Sentinel on each machine. The first Redis is
// the primary, the others are its replicas. Their Stop ends them.
func (w *World) StartStore(o StoreOptions, machines ...*Node) (all []*StoreServer, err error) {
	for i, m := range machines {
		s := &StoreServer{
			Node: m, Dir: filepath.Join(w.Dir, m.Name), Certificate: o.Certificate, CA: o.CA, Password: StorePassword,
			Rules: o.Rules, First: machines[0].Address, MaxMemory: "64mb", w: w,
		}
		if i > 0 {
			s.Primary = machines[0].Address
		}
		all = append(all, s)
		err := errors.Join(w.folders(m.Name), w.fill("redis.conf", m.Name+"/redis.conf", s), w.fill("sentinel.conf", m.Name+"/sentinel.conf", s))
		if err == nil {
			err = s.Start()
		}
		if err != nil {
			return all, err
		}
	}
	return all, all[0].awaitReplicas(len(machines) - 1)
}

// Start starts both programs, or starts them again.
func (s *StoreServer) Start() error {
	root, err := s.w.Root(store)
	if err != nil {
		return err
	}
	for _, p := range []struct {
		program string
		process **Process
		port    int
	}{{"redis", &s.Redis, redisPort}, {"sentinel", &s.Sentinel, sentinelPort}} {
		command := root.Command(s.w.Dir, "redis-"+map[string]string{"redis": "server", "sentinel": "sentinel"}[p.program], filepath.Join(s.Dir, p.program+".conf"))
		if *p.process, err = Run(p.program+" of "+s.Node.Name, s.Node.Move(command)); err != nil {
			return err
		}
		if err := (*p.process).Ready(s.Node.At(p.port)); err != nil {
			return err
		}
	}
	return nil
}

// awaitReplicas waits until the server has a number of replicas, and the
// Sentinel knows them.
func (s *StoreServer) awaitReplicas(n int) error {
	var last int
	for end := time.Now().Add(Patience); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		var err error
		if last, err = s.Replicas(); err == nil && last == n {
			return nil
		}
	}
	return fmt.Errorf("%s has %d replicas, not %d\n%s", s.Node.Name, last, n, s.Redis.Log.Tail())
}

// Replicas counts the replicas that are up to date.
func (s *StoreServer) Replicas() (int, error) {
	reply, err := s.Command("INFO", "replication")
	return strings.Count(reply, "state=online"), err
}

// IsPrimary reports whether this Redis is the primary.
func (s *StoreServer) IsPrimary() bool {
	reply, err := s.Command("ROLE")
	return err == nil && strings.HasPrefix(reply, "master")
}

// Kill kills both programs, as in a power failure.
func (s *StoreServer) Kill() error { return errors.Join(s.Redis.Kill(), s.Sentinel.Kill()) }

// Stop ends both programs.
func (s *StoreServer) Stop() error {
	var errs []error
	for _, p := range []*Process{s.Redis, s.Sentinel} {
		if p != nil {
			errs = append(errs, p.Stop())
		}
	}
	return errors.Join(errs...)
}
