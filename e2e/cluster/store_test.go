package cluster

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/letterlock/letterlock/e2e/world"
	"github.com/letterlock/letterlock/internal/test/authority"
)

// startStore starts three Redises, each with a Sentinel: two in the left half of
// the network, one in the right one.
func (s *site) startStore(t *testing.T) {
	t.Helper()
	chain, key := authority.PEM(t, s.ca.ECDSA(t, world.StoreName))
	ca := chain[strings.LastIndex(string(chain), "-----BEGIN"):]
	for name, text := range map[string][]byte{
		"store.pem": chain, "store.key": key, "ca.pem": ca, "store-password": []byte(world.StorePassword + "\n"),
		"cluster.key": []byte("MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=\n"),
	} {
		must(t, os.WriteFile(filepath.Join(s.w.Dir, name), text, 0o600))
	}
	var machines []*world.Node
	for i, half := range []string{world.Left, world.Right, world.Left} {
		m, err := s.lan.Add(fmt.Sprintf("store%d", i+1), half, fmt.Sprintf("10.77.0.%d", 31+i))
		must(t, err)
		machines = append(machines, m)
	}
	file := func(name string) string { return filepath.Join(s.w.Dir, name) }
	all, err := s.w.StartStore(world.StoreOptions{
		Certificate: world.Pair{Cert: file("store.pem"), Key: file("store.key")}, CA: file("ca.pem"), Rules: rules(t),
	}, machines...)
	for _, each := range all {
		atEnd(t, each.Stop)
	}
	must(t, err)
	s.store = all
}

// rules returns the rights of the instances at the store that docs/cluster.md
// names.
func rules(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../docs/cluster.md")
	must(t, err)
	_, rest, found := strings.Cut(string(text), "\nuser letterlock on >PASSWORD ")
	if !found {
		t.Fatal("docs/cluster.md names no rights at the store")
	}
	line, _, _ := strings.Cut(rest, "\n")
	return line
}

// twins are machines whose instances have the same name by mistake.
var twins = []string{"proxy2", "proxy3"}

// checkTwins checks that the mistake is reported.
func (s *site) checkTwins(t *testing.T) {
	t.Helper()
	for _, i := range s.instances {
		for _, p := range i.processes {
			if strings.Contains(strings.Join(p.Log.Since(0), "\n"), "give each instance a name of its own with cluster.instance") {
				return
			}
		}
	}
	t.Errorf("two instances have the name %s, and no log says so", twins[0])
}

// clusterKeys are the lines of a configuration about the store.
func (s *site) clusterKeys(name string) string {
	var sentinels []string
	for _, each := range s.store {
		sentinels = append(sentinels, each.Node.At(26379))
	}
	return fmt.Sprintf(`cluster:
  addresses: [%[2]s]
  sentinel_master: mail
  ca: %[1]s/ca.pem
  server_name: %[3]s
  user: letterlock
  password_file: %[1]s/store-password
  key_file: %[1]s/cluster.key
  instance: %[4]s
`, s.w.Dir, strings.Join(sentinels, ", "), world.StoreName, name)
}

// primary returns the Redis that accepts writes, and that most Sentinels name. A former
// primary that was killed, or cut off, accepts writes too until the Sentinels make it a
// replica.
func (s *site) primary() (*world.StoreServer, error) { return s.named(len(s.store)/2 + 1) }

// named returns the primary that a number of Sentinels name.
func (s *site) named(least int) (*world.StoreServer, error) {
	count := map[string]int{}
	for _, each := range s.store {
		if address, err := each.Master(); err == nil {
			count[address]++
		}
	}
	for _, each := range s.store {
		if count[each.Node.Address] >= least && each.IsPrimary() {
			return each, nil
		}
	}
	return nil, fmt.Errorf("the store has no primary: the Sentinels name %v", count)
}

// settle waits until all Sentinels name one primary, and all other servers are its replicas.
// A cut may have begun a failover, at whose end the Sentinels close the connections of
// all clients, those of this test too.
func (s *site) settle() error {
	var primary *world.StoreServer
	var err error
	var n int
	if !happens(func() bool {
		if primary, err = s.named(len(s.store)); err == nil {
			n, err = primary.Replicas()
		}
		return err == nil && n == len(s.store)-1
	}) {
		return fmt.Errorf("the store is not settled: %d replicas, %v", n, err)
	}
	return nil
}

// awaitPrimary waits for the end of a failover.
func (s *site) awaitPrimary() (primary *world.StoreServer, err error) {
	happens(func() bool { primary, err = s.primary(); return err == nil })
	return primary, err
}

// killPrimary kills the primary, and returns it.
func (s *site) killPrimary() (*world.StoreServer, error) {
	primary, err := s.awaitPrimary()
	if err != nil {
		return nil, err
	}
	return primary, primary.Kill()
}

// wipe removes all values of the store.
func (s *site) wipe() error {
	primary, err := s.awaitPrimary()
	if err == nil {
		_, err = primary.Command("FLUSHALL")
	}
	return err
}

// everywhere sends a command to all servers of the store, each of which may become the
// primary.
func (s *site) everywhere(words ...string) error {
	if err := s.settle(); err != nil {
		return err
	}
	return s.all(func(server *world.StoreServer) error {
		_, err := server.Command(words...)
		return err
	})
}

// The lines of the log about the store.
const (
	storeUp       = "cluster: the store answers"
	storeDown     = "cluster: the store cannot be used"
	storeFull     = "cluster: the store cannot be written"
	storeWritable = "cluster: the store can be written again"
)

// last returns the last of several lines that is in the log of the current
// process.
func (i *instance) last(lines ...string) (found string) {
	for _, line := range i.process().Log.Since(0) {
		for _, each := range lines {
			if strings.Contains(line, each) {
				found = each
			}
		}
	}
	return found
}

// usesStore reports whether the instance shares its state now.
func (i *instance) usesStore() bool {
	return i.last(storeUp, storeDown) == storeUp && i.last(storeFull, storeWritable) != storeFull
}

// awaitStore waits until all instances share their state.
func (s *site) awaitStore(t *testing.T) {
	t.Helper()
	for _, i := range s.instances {
		if !happens(i.usesStore) {
			t.Fatalf("%s does not use the store\n%s", i.Name, s.tails())
		}
	}
}

// noticed waits until all instances have logged what is wrong with the store.
func (s *site) noticed(line, end string) error {
	for _, i := range s.instances {
		if !happens(func() bool { return i.last(line, end) == line }) {
			return fmt.Errorf("%s does not notice: %s\n%s", i.Name, line, i.process().Log.Tail())
		}
	}
	return nil
}

// all does something on all servers of the store.
func (s *site) all(do func(*world.StoreServer) error) error {
	for _, server := range s.store {
		if err := do(server); err != nil {
			return err
		}
	}
	return nil
}

// storeFailures returns what can happen to the store.
func (s *site) storeFailures() []failure {
	var killed *world.StoreServer
	kill := func() (err error) {
		if killed, err = s.killPrimary(); err != nil {
			return err
		}
		if _, err := s.awaitPrimary(); err != nil {
			return fmt.Errorf("no other Redis becomes the primary: %w\n%s", err, s.tails())
		}
		return nil
	}
	cut := func(cut bool) error {
		return s.all(func(server *world.StoreServer) error { return server.Node.Cut(cut) })
	}
	nothing := func() error { return nil }
	return []failure{
		{"the primary of the store is killed", kill, func() error { return killed.Start() }, nil},
		{"the store is cut off", func() error { return errors.Join(cut(true), s.noticed(storeDown, storeUp)) }, func() error { return cut(false) }, nil},
		{"the store is wiped", func() error { return errors.Join(s.settle(), s.wipe()) }, nothing, nil},
		{"the store is full", func() error {
			return errors.Join(s.everywhere("CONFIG", "SET", "maxmemory", "1"), s.noticed(storeFull, storeWritable))
		}, func() error {
			return errors.Join(s.everywhere("CONFIG", "SET", "maxmemory", "64mb"), s.everywhere("CONFIG", "REWRITE"))
		}, nil},
		{"the store answers no writes", func() error {
			return errors.Join(s.everywhere("CLIENT", "PAUSE", "60000", "WRITE"), s.noticed(storeDown, storeUp))
		}, func() error { return s.everywhere("CLIENT", "UNPAUSE") }, nil},
		{"the store has other values", s.overwrite, nothing, nil},
	}
}

// overwrite replaces every value of the instances.
func (s *site) overwrite() error {
	if err := s.settle(); err != nil {
		return err
	}
	primary, err := s.primary()
	if err != nil {
		return err
	}
	keys, err := primary.Command("KEYS", "{letterlock}:*")
	if err != nil {
		return err
	}
	for i, key := range strings.Fields(keys) {
		if _, err := primary.Command("SET", key, strings.Repeat("not ours ", i%3*1000)); err != nil {
			return err
		}
	}
	return nil
}

// marks returns the ends of the logs of all instances.
func (s *site) marks() (all []int) {
	for _, i := range s.instances {
		all = append(all, i.process().Log.Mark())
	}
	return all
}

// alone returns an instance that has gone on without the store since the marks;
// empty: none.
func (s *site) alone(marks []int) (name string) {
	for n, i := range s.instances {
		for _, line := range i.process().Log.Since(marks[n]) {
			if strings.Contains(line, storeDown) {
				name = i.Name
			}
		}
	}
	return name
}
