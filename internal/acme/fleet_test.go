package acme

import (
	"bytes"
	"crypto"
	"fmt"
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/letterlock/letterlock/internal/test/pebble"
	"github.com/letterlock/letterlock/internal/test/wait"
)

// fleet is three instances in a bubble with its own clock, in front of a CA without
// sockets, which accepts all challenges.
type fleet struct {
	board   *board
	follow  time.Duration
	members []*member
	keepers []*Keeper
	ca      *pebble.CA
	log     *wait.Log
	dirs    []string

	orders  atomic.Int32   // requests for an order; the client repeats one whose nonce is refused
	issued  atomic.Int32   // orders that were completed
	changes []atomic.Int32 // of the certificates of each instance
}

const instances = 3

// newCA starts a CA for fleets, outside of their bubbles.
func newCA(t *testing.T) *pebble.CA {
	t.Helper()
	ca := pebble.New(t)
	ca.Start(t, pebble.Options{Life: life, Trusting: true})
	return ca
}

// withFleet runs a test in a bubble. The test calls serve. Follow is the time between two
// looks at the board; zero: the default, with which an hour takes a second of real time.
func withFleet(t *testing.T, ca *pebble.CA, follow time.Duration, test func(t *testing.T, f *fleet)) {
	f := &fleet{board: newBoard(), follow: follow, ca: ca, log: &wait.Log{}, changes: make([]atomic.Int32, instances)}
	for range instances {
		f.dirs = append(f.dirs, filepath.Join(t.TempDir(), "acme"))
	}
	synctest.Test(t, func(t *testing.T) {
		f.at("", nil)
		for i := range instances {
			f.add(t, i)
		}
		defer func() {
			for _, k := range f.keepers {
				k.Close()
			}
			if t.Failed() {
				t.Log(f.log)
			}
		}()
		test(t, f)
	})
}

// add creates an instance with the folder of a number.
func (f *fleet) add(t *testing.T, i int) *Keeper {
	t.Helper()
	m := f.board.member()
	k, err := New(Options{
		Certificates: [][]string{{mail}}, Keys: []KeyType{P256}, Directory: f.ca.Directory, Dir: f.dirs[i], HTTP: "unused", Shared: m, Follow: f.follow, Transport: f.ca,
		Log: slog.New(slog.NewTextHandler(f.log, nil)).With("instance", i), Changed: func() { f.changes[i].Add(1) },
	})
	if err != nil {
		t.Fatal(err)
	}
	f.members, f.keepers = append(f.members, m), append(f.keepers, k)
	return k
}

// at calls a function once when the CA gets a request to a path.
func (f *fleet) at(path string, do func()) {
	var once sync.Once
	f.ca.Refuse(func(_ http.ResponseWriter, r *http.Request) bool {
		switch {
		case strings.HasSuffix(r.URL.Path, "/order-plz"):
			f.orders.Add(1)
		case strings.Contains(r.URL.Path, "/finalize-order/"):
			f.issued.Add(1)
		}
		if do != nil && strings.Contains(r.URL.Path, path) {
			once.Do(do)
		}
		return false
	})
}

// serve starts all instances, the first one a moment before the others.
func (f *fleet) serve() {
	f.keepers[0].Serve()
	synctest.Wait()
	for _, k := range f.keepers[1:] {
		k.Serve()
	}
}

// pass lets time pass, and then checks that the instances serve one certificate. It
// returns its key.
func (f *fleet) pass(t *testing.T, d time.Duration, keepers ...*Keeper) crypto.PublicKey {
	t.Helper()
	time.Sleep(d)
	synctest.Wait()
	if len(keepers) == 0 {
		keepers = f.keepers
	}
	var serial string
	var key crypto.PublicKey
	for i, k := range keepers {
		all := k.Certificates([]string{mail})
		if len(all) != 1 {
			t.Fatalf("instance %d has %d certificates", i, len(all))
		}
		leaf := all[0].Leaf
		if own := fmt.Sprint(leaf.SerialNumber); serial == "" {
			serial, key = own, leaf.PublicKey
		} else if own != serial {
			t.Errorf("instance %d serves another certificate", i)
		}
	}
	return key
}

func (f *fleet) wantOrders(t *testing.T, least, most int32) {
	t.Helper()
	if n := f.orders.Load(); n < least || n > most {
		t.Errorf("%d orders, want %d to %d", n, least, most)
	}
}

// In a year the instances order each certificate once. The shared state is wiped now
// and then, and away for some hours.
func TestAFleetForYears(t *testing.T) {
	t.Parallel()
	withFleet(t, newCA(t), 10*time.Minute, func(t *testing.T, f *fleet) {
		f.serve()
		key := f.pass(t, time.Hour)
		for d := range 400 {
			switch d % 7 {
			case 2:
				f.board.wipe()
			case 4:
				f.board.pull(true)
				time.Sleep(6 * time.Hour)
				f.board.pull(false)
			}
			if !key.(interface{ Equal(crypto.PublicKey) bool }).Equal(f.pass(t, day)) {
				t.Fatal("another key")
			}
			if left := time.Until(f.keepers[0].Certificates([]string{mail})[0].Leaf.NotAfter); left < 28*day {
				t.Fatalf("%s left", left)
			}
		}
		issued := f.issued.Load()
		if issued < 6 || issued > 8 {
			t.Errorf("%d certificates, want 6 to 8", issued)
		}
		if n := f.changes[1].Load(); n != issued {
			t.Errorf("%d changes, %d certificates", n, issued)
		}
	})
}

// Without the shared state an instance waits for some minutes before it orders alone. When
// the state is there, all come to serve one certificate, and stay with it.
func TestWithoutTheSharedState(t *testing.T) {
	t.Parallel()
	withFleet(t, newCA(t), 0, func(t *testing.T, f *fleet) {
		f.board.pull(true)
		f.serve()
		time.Sleep(urgentWait - time.Second)
		f.wantOrders(t, 0, 0)
		if s := f.keepers[0].Status()[0]; !strings.Contains(s.Problem, "waits for the store") || s.Remedy == "" {
			t.Errorf("%+v", s)
		}
		time.Sleep(time.Minute)
		f.wantOrders(t, instances, instances)
		f.board.pull(false)
		f.pass(t, time.Minute)
		for i := range instances {
			if n := f.changes[i].Load(); n > instances {
				t.Errorf("instance %d has changed its certificate %d times", i, n)
			}
		}
		f.pass(t, time.Hour)
		f.wantOrders(t, instances, instances)
	})
}

// A store that brings an old certificate back changes nothing: it gets the present one
// again.
func TestH17_AnOldCertificateComesBack(t *testing.T) {
	t.Parallel()
	withFleet(t, newCA(t), 10*time.Minute, func(t *testing.T, f *fleet) {
		f.serve()
		f.pass(t, time.Hour)
		old := f.board.entry(mail)
		f.pass(t, 65*day)
		f.wantOrders(t, 2, 2)
		renewed, changes := f.board.entry(mail), f.changes[0].Load()
		f.board.put(mail, old)
		f.pass(t, time.Hour)
		if f.changes[0].Load() != changes || !bytes.Equal(f.board.entry(mail), renewed) || bytes.Equal(old, renewed) {
			t.Error("the old certificate is used")
		}
	})
}

// A store that keeps the failure of an order for ever, or brings it back, does not keep the
// instances from ordering.
func TestH17_AnOldFailureComesBack(t *testing.T) {
	t.Parallel()
	withFleet(t, newCA(t), time.Minute, func(t *testing.T, f *fleet) {
		f.board.keeps = true
		f.ca.SetDown(true)
		f.serve()
		time.Sleep(2 * time.Hour)
		f.ca.SetDown(false)
		if len(f.board.names(pauseSuffix)) != 1 {
			t.Error("no failure is shared")
		}
		f.pass(t, day)
		f.wantOrders(t, 1, 1)
	})
}

// A restart without the shared state serves the copy in the folder.
func TestRestartWithoutTheSharedState(t *testing.T) {
	t.Parallel()
	withFleet(t, newCA(t), 0, func(t *testing.T, f *fleet) {
		f.serve()
		f.pass(t, time.Minute)
		f.board.pull(true)
		for i := range instances {
			f.keepers[i].Close()
			f.keepers[i] = f.add(t, i)
		}
		f.keepers = f.keepers[:instances]
		f.serve()
		f.pass(t, time.Hour)
		f.wantOrders(t, 1, 1)
	})
}

// While the CA is down, or refuses, all instances together ask as often as one would.
func TestAFleetRepeatsAsOne(t *testing.T) {
	t.Parallel()
	withFleet(t, newCA(t), time.Minute, func(t *testing.T, f *fleet) {
		f.ca.SetDown(true)
		defer f.ca.SetDown(false)
		f.serve()
		time.Sleep(day)
		synctest.Wait()
		if n := strings.Count(f.log.String(), "the CA cannot be reached"); n < 24 || n > 36 {
			t.Errorf("%d attempts in a day", n)
		}
		for i, k := range f.keepers {
			if s := k.Status()[0]; !strings.Contains(s.Problem, "the CA cannot be reached") {
				t.Errorf("instance %d: %+v", i, s)
			}
		}
		f.ca.SetDown(false)
		f.pass(t, 2*time.Hour)
		f.wantOrders(t, 1, 1)
	})
}
