package inventory_test

import (
	"crypto/tls"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/letterlock/letterlock/internal/inventory"
	"github.com/letterlock/letterlock/tlspolicy"
)

const month = 30 * 24 * time.Hour

// asWriter is the environment variable that makes the test program write to the
// file that it names.
const asWriter = "WRITE_AN_INVENTORY"

func TestMain(m *testing.M) {
	if file := os.Getenv(asWriter); file != "" {
		writeForEver(file)
	}
	os.Exit(m.Run())
}

// writeForEver writes records and prints the number of each, until the test
// stops it.
func writeForEver(file string) {
	for n := 0; ; n++ {
		k := inventory.Keep(inventory.Options{File: file, Entries: 100_000, Age: month})
		for i := range 50 {
			k.Record(session("user"+strconv.Itoa(50*n+i), "192.0.2.1"))
		}
		k.Close()
		fmt.Println(n)
	}
}

func session(user, address string) inventory.Entry {
	return inventory.Entry{
		Key: inventory.Key{
			Kind: inventory.Session, Service: "imaps", Listener: ":993", User: user,
			Offer: tlspolicy.Offer{Versions: 0b1100, Suites: 1 << 4, Groups: 1 << 3},
		},
		Value: inventory.Value{
			Address: netip.MustParseAddr(address), Version: tlspolicy.VersionTLS12,
			Suite: tlspolicy.Suite(tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256), Group: tlspolicy.Group(tls.X25519),
		},
	}
}

func read(t *testing.T, file string) inventory.Inventory {
	t.Helper()
	all, err := inventory.Read(file, month, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// keep writes the events of record and returns the file.
func keep(t *testing.T, o inventory.Options, record func(k *inventory.Keeper)) string {
	t.Helper()
	if o.File == "" {
		o.File = filepath.Join(t.TempDir(), "inventory.db")
	}
	if o.Entries == 0 {
		o.Entries = 100_000
	}
	if o.Age == 0 {
		o.Age = month
	}
	if o.Report == nil {
		o.Report = func(err error) { t.Errorf("report: %v", err) }
	}
	k := inventory.Keep(o)
	record(k)
	k.Close()
	return o.File
}

func TestSessionsAreMergedByKey(t *testing.T) {
	phone, laptop := session("ann", "192.0.2.7"), session("ann", "192.0.2.9")
	laptop.Offer.Suites |= 1
	six := session("bob\x1b[2J", "2001:db8:1:2::3")
	file := ""
	for range 2 { // in the same write, and in a later one
		file = keep(t, inventory.Options{File: file}, func(k *inventory.Keeper) {
			for _, e := range []inventory.Entry{phone, phone, laptop, six} {
				k.Record(e)
			}
		})
	}
	all := read(t, file)
	counts := map[string]uint64{}
	for _, e := range all.Entries {
		counts[fmt.Sprintf("%s %s %d %s", e.User, e.Network, e.Offer.Suites, e.Address)] = e.Count
		if e.Version != phone.Version || e.Suite != phone.Suite || e.Group != phone.Group || time.Since(e.First) > time.Minute || e.Last.Before(e.First) {
			t.Errorf("%+v", e)
		}
	}
	for key, want := range map[string]uint64{
		"ann 192.0.2.0/24 16 192.0.2.7": 4, "ann 192.0.2.0/24 17 192.0.2.9": 2, "bob\uFFFD[2J 2001:db8:1::/48 16 2001:db8:1:2::3": 2,
	} {
		if counts[key] != want {
			t.Errorf("%q: %d, not %d of %v", key, counts[key], want, counts)
		}
	}
	if all.Lost != 0 || time.Since(all.Begun) > time.Minute {
		t.Errorf("%+v", all)
	}
}

func TestOldEntriesExpire(t *testing.T) {
	now := time.Now()
	clock := func() time.Time { return now }
	file := keep(t, inventory.Options{Now: func() time.Time { return now.Add(-40 * 24 * time.Hour) }}, func(k *inventory.Keeper) {
		k.Record(session("gone", "192.0.2.1"))
		k.Record(session("back", "192.0.2.1"))
	})
	if n := len(read(t, file).Entries); n != 0 {
		t.Errorf("%d old entries are shown", n)
	}
	keep(t, inventory.Options{File: file, Now: clock}, func(k *inventory.Keeper) { k.Record(session("back", "192.0.2.1")) })
	all, err := inventory.Read(file, 1000*24*time.Hour, now)
	if err != nil || len(all.Entries) != 1 || all.Entries[0].User != "back" || all.Entries[0].Count != 2 {
		t.Errorf("%+v, %v", all, err)
	}
	if first := all.Entries[0].First; now.Sub(first) < month {
		t.Errorf("first seen %v", first)
	}
}

// Sessions without a login from many networks, 60,000 or with -short 8,000, do
// not fill the disk, and displace no user.
func TestEntriesAreBounded(t *testing.T) {
	t.Parallel()
	const bound = 5000
	parts := 30
	if testing.Short() {
		parts = 4
	}
	o := inventory.Options{Entries: bound}
	file := keep(t, o, func(k *inventory.Keeper) { k.Record(session("ann", "192.0.2.1")) })
	o.File = file
	for part := range parts {
		keep(t, o, func(k *inventory.Keeper) {
			for i := range 2000 { // the maximum of pending entries without a login
				n := part*2000 + i
				k.Record(session("", netip.AddrFrom4([4]byte{byte(11 + n>>16), byte(n >> 8), byte(n), 1}).String()))
			}
		})
	}
	all := read(t, file)
	if n := len(all.Entries); n > bound || n < bound*9/10 {
		t.Errorf("%d entries", n)
	}
	ann := false
	for _, e := range all.Entries {
		ann = ann || e.User == "ann"
	}
	if !ann {
		t.Error("the user's entry is missing")
	}
	info, err := os.Stat(file)
	if err != nil || info.Size() > 64<<20 {
		t.Errorf("%d bytes, %v", info.Size(), err)
	}
}

func TestNetworkOf(t *testing.T) {
	for address, want := range map[string]string{
		"192.0.2.77": "192.0.2.0/24", "::ffff:192.0.2.77": "192.0.2.0/24", "2001:db8:a:b::1": "2001:db8:a::/48", "fe80::1%eth0": "fe80::/48",
		"64:ff9b::192.0.2.77": "192.0.2.0/24",
	} {
		if got := inventory.NetworkOf(netip.MustParseAddr(address)); got.String() != want {
			t.Errorf("the network of %s is %s", address, got)
		}
	}
}
