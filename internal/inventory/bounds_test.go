package inventory_test

import (
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"github.com/letterlock/letterlock/internal/inventory"
)

// failure returns a failed handshake; n selects the offer.
func failure(address string, offer int) inventory.Entry {
	e := session("", address)
	e.Kind, e.Class, e.Offer.Suites = inventory.Failure, "suite", uint32(offer)
	return e
}

// anonymous returns a session without a login; n selects the offer.
func anonymous(address string, offer int) inventory.Entry {
	e := session("", address)
	e.Offer.Suites = uint32(offer)
	return e
}

// ownNetwork returns the n-th /48 of an IPv6 /32.
func ownNetwork(n int) string {
	return netip.AddrFrom16([16]byte{0x20, 1, 0x0d, 0xb8, byte(n >> 8), byte(n), 15: 1}).String()
}

// address4 returns an address in the n-th /24 of the Internet.
func address4(n int) string {
	return netip.AddrFrom4([4]byte{byte(20 + n>>16), byte(n >> 8), byte(n), 1}).String()
}

// honest records entries that an administrator needs.
func honest(k *inventory.Keeper) {
	for range 3 {
		k.Record(session("ann", "192.0.2.1"))
		k.Record(anonymous("198.51.100.1", 3)) // a mail server
	}
	sender := anonymous("203.0.113.1", 0)
	sender.Kind, sender.Count = inventory.Plaintext, 5
	k.Record(sender)
	k.Record(failure("198.51.100.2", 1))
}

// tally counts the entries that are left: the honest ones by name, and all.
type tally struct {
	ann, server, sender, failed bool
	failures, all               int
}

func tallyOf(all inventory.Inventory) (t tally) {
	t.all = len(all.Entries)
	for _, e := range all.Entries {
		network := e.Network.String()
		t.ann = t.ann || e.User == "ann" && e.Count == 3
		t.server = t.server || e.Kind == inventory.Session && network == "198.51.100.0/24" && e.Count == 3
		t.sender = t.sender || e.Kind == inventory.Plaintext && network == "203.0.113.1/32"
		if e.Kind == inventory.Failure {
			t.failures++
			t.failed = t.failed || network == "198.51.100.0/24"
		}
	}
	return t
}

// flood records entries in several runs, so that each is written.
func flood(t *testing.T, o inventory.Options, n int, entry func(i int) inventory.Entry) inventory.Inventory {
	t.Helper()
	o.File = keep(t, o, honest)
	const part = 2000 // the maximum of pending entries without a login
	for from := 0; from < n; from += part {
		keep(t, o, func(k *inventory.Keeper) {
			for i := from; i < min(n, from+part); i++ {
				k.Record(entry(i))
			}
		})
	}
	return read(t, o.File)
}

// H8: neither one client nor very many clients displace the entries that whatif
// needs, whatever they offer and whether their handshakes fail or not.
func TestH8_Floods(t *testing.T) {
	const bound = 2000
	for name, f := range map[string]struct {
		entry  func(i int) inventory.Entry
		most   int // entries in all
		failed bool
	}{
		"failures of one client":          {func(i int) inventory.Entry { return failure("192.0.2.9", i) }, 4 + 32, true},
		"failures of one network":         {func(i int) inventory.Entry { return failure("192.0.2."+[]string{"9", "10", "11"}[i%3], i) }, 4 + 32, true},
		"failures of an IPv6 /48":         {func(i int) inventory.Entry { return failure("2001:db8:1:"+[]string{"1", "2"}[i%2]+"::1", i) }, 4 + 32, true},
		"failures of mapped addresses":    {func(i int) inventory.Entry { return failure("::ffff:192.0.2.9", i) }, 4 + 32, true},
		"failures behind a NAT64":         {func(i int) inventory.Entry { return failure("64:ff9b::192.0.2.9", i) }, 4 + 32, true},
		"failures of an IPv6 /32":         {func(i int) inventory.Entry { return failure(ownNetwork(i), 1) }, bound, true},
		"failures of a botnet":            {func(i int) inventory.Entry { return failure(address4(i*97), 1) }, bound, false},
		"sessions of one client":          {func(i int) inventory.Entry { return anonymous("192.0.2.9", i) }, 4 + 100, true},
		"sessions in the server's /24":    {func(i int) inventory.Entry { return anonymous("198.51.100.9", 10+i) }, 4 + 100, true},
		"sessions of an IPv6 /32":         {func(i int) inventory.Entry { return anonymous(ownNetwork(i), 1) }, bound, true},
		"sessions of a botnet":            {func(i int) inventory.Entry { return anonymous(address4(i*97), 1) }, bound, true},
		"plaintext of an IPv6 /48":        {plaintextOf(func(i int) string { return "2001:db8:1::" + hex(i) }), 4 + 100, true},
		"plaintext of an IPv6 /32":        {plaintextOf(ownNetwork), bound, true},
		"users of an account, in capital": {func(i int) inventory.Entry { return session(capitals("mallory-has-a-long-name", i), address4(i)) }, 4 + 100, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := 3 * bound
			if f.most < bound {
				n = 400
			}
			all := flood(t, inventory.Options{Entries: bound}, n, f.entry)
			got := tallyOf(all)
			if !got.ann || !got.server || !got.sender || !got.failed && f.failed {
				t.Errorf("honest entries that are left: %+v", got)
			}
			if got.all > f.most || got.failures > bound/20 {
				t.Errorf("%d entries, %d failures", got.all, got.failures)
			}
			if strings.HasPrefix(name, "failures") != (all.Forgotten == 0) {
				t.Errorf("%d are forgotten", all.Forgotten)
			}
		})
	}
}

func plaintextOf(address func(i int) string) func(i int) inventory.Entry {
	return func(i int) inventory.Entry {
		e := anonymous(address(i), 0)
		e.Kind = inventory.Plaintext
		return e
	}
}

func hex(n int) string { return netip.AddrFrom16([16]byte{14: byte(n >> 8), 15: byte(n)}).String()[2:] }

// capitals returns a name with upper-case letters at the set bits of n.
func capitals(name string, n int) string {
	b := []byte(name)
	for i := range b {
		if n&(1<<i) != 0 && b[i] >= 'a' {
			b[i] -= 'a' - 'A'
		}
	}
	return string(b)
}

// H8: entries of users stay, whatever other clients and users do.
func TestH8_UsersStay(t *testing.T) {
	const bound, honestUsers = 2000, 1000
	o := inventory.Options{Entries: bound}
	o.File = keep(t, o, func(k *inventory.Keeper) {
		for i := range honestUsers {
			k.Record(session("user"+hex(i+1), "192.0.2.1"))
		}
	})
	for part := range 3 {
		keep(t, o, func(k *inventory.Keeper) {
			for i := range 2000 {
				n := part*2000 + i
				k.Record(anonymous(address4(n), 1))
				k.Record(failure(address4(n), 1))
				k.Record(session("mallory", address4(n)))
			}
		})
	}
	left := 0
	for _, e := range read(t, o.File).Entries {
		if strings.HasPrefix(e.User, "user") {
			left++
		}
	}
	if left != honestUsers {
		t.Errorf("%d of %d users are left", left, honestUsers)
	}
}

// H8: while the file cannot be written, sessions without a login fill only a
// part of the memory.
func TestH8_Memory(t *testing.T) {
	file := keep(t, inventory.Options{}, func(*inventory.Keeper) {})
	db, err := bbolt.Open(file, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	keep(t, inventory.Options{File: file}, func(k *inventory.Keeper) {
		for i := range 30_000 {
			k.Record(failure(address4(i), 1))
			k.Record(anonymous(address4(i), 1))
		}
		k.Record(session("ann", "192.0.2.1"))
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	})
	all := read(t, file)
	found := false
	for _, e := range all.Entries {
		found = found || e.User == "ann"
	}
	if !found || all.Lost == 0 {
		t.Errorf("%d lost, ann is there: %t", all.Lost, found)
	}
}

// H8: a long name is truncated, in any spelling.
func TestH8_LongNames(t *testing.T) {
	for _, long := range []string{strings.Repeat("a", 60_000), strings.Repeat("\xff", 60_000), strings.Repeat("\u4e16", 20_000), strings.Repeat("<", 60_000)} {
		e := session(long, "192.0.2.1")
		e.Host = long
		file := keep(t, inventory.Options{}, func(k *inventory.Keeper) { k.Record(e) })
		for _, e := range read(t, file).Entries {
			if len(e.User) > 128 || len(e.Host) > 128 || e.User == "" {
				t.Errorf("%d and %d bytes are kept", len(e.User), len(e.Host))
			}
		}
	}
}

// A full group removes the entry that has been seen least often, and of those
// the oldest.
func TestFullGroup(t *testing.T) {
	now := time.Now()
	file := filepath.Join(t.TempDir(), "inventory.db")
	for i := range 200 {
		o := inventory.Options{File: file, Entries: 1000, Now: func() time.Time { return now.Add(time.Duration(i) * time.Second) }}
		keep(t, o, func(k *inventory.Keeper) {
			k.Record(failure("192.0.2.1", 1000)) // again and again
			k.Record(failure("192.0.2.1", i))
		})
	}
	all := read(t, file)
	for _, e := range all.Entries {
		if e.Offer.Suites < 200-31 {
			t.Errorf("the offer %d is left", e.Offer.Suites)
		}
	}
	if len(all.Entries) != 32 {
		t.Errorf("%d entries", len(all.Entries))
	}
}
