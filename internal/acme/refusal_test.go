package acme

import (
	"crypto/x509"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/letterlock/letterlock/internal/test/pebble"
	"github.com/letterlock/letterlock/internal/test/wait"
)

func (f *fleet) leaf(i int) *x509.Certificate {
	return f.keepers[i].Certificates([]string{mail})[0].Leaf
}

// judge tells all instances what clients do with their certificate.
func (f *fleet) judge(problem string) {
	for i, k := range f.keepers {
		if problem == "" {
			k.Accepted(f.leaf(i))
		} else {
			k.Refused(f.leaf(i), problem)
		}
	}
}

// A certificate that clients refuse is ordered again after a day, then after two days, and
// so on, once for all instances. The accepted one before it survives restarts, and an
// instance with an empty folder gets it from the others.
func TestH27_RefusedCertificateIsOrderedAgain(t *testing.T) {
	t.Parallel()
	withFleet(t, newCA(t), 10*time.Minute, func(t *testing.T, f *fleet) {
		f.serve()
		f.pass(t, time.Hour)
		f.judge("")
		first := f.leaf(0)
		f.pass(t, 65*day)
		if f.leaf(0).Equal(first) {
			t.Fatal("the certificate was not renewed")
		}
		accepted := func(k *Keeper) {
			t.Helper()
			all := k.Substitutes([]string{mail})
			if len(all) != 1 || !all[0].Previous.Leaf.Equal(first) || !all[0].Present.Leaf.Equal(f.leaf(0)) {
				t.Fatalf("substitutes: %d", len(all))
			}
		}
		for n, wait := range []time.Duration{day, 2 * day, 4 * day} {
			f.judge("it does not lead to an authority")
			f.judge("it does not lead to an authority") // the next check says the same
			issued := f.issued.Load()
			f.pass(t, wait-time.Hour)
			for _, k := range f.keepers {
				accepted(k)
				s := k.Status()[0]
				if s.Refusals != n+1 || s.Failures != 0 || !strings.Contains(s.Problem, "does not lead") || !strings.Contains(s.Remedy, s.Retry.UTC().Format("2006-01-02 15:04")) || !s.Renewal.Equal(s.Retry) {
					t.Fatalf("%+v", s)
				}
			}
			if got := f.issued.Load(); got != issued {
				t.Fatalf("%d certificates were ordered before %s", got-issued, wait)
			}
			f.restart(t, 0)
			accepted(f.keepers[0])
			f.pass(t, 2*time.Hour)
			if got := f.issued.Load() - issued; got != 1 {
				t.Fatalf("%d certificates after %s, want 1", got, wait)
			}
		}
		f.dirs[1] = filepath.Join(t.TempDir(), "empty")
		f.restart(t, 1)
		f.pass(t, time.Hour)
		accepted(f.keepers[1])

		f.judge("")
		for _, k := range f.keepers {
			if all := k.Substitutes([]string{mail}); len(all) > 0 || k.Status()[0].Problem != "" {
				t.Errorf("after a certificate that clients accept: %d substitutes, %+v", len(all), k.Status())
			}
		}
		if left := f.board.names(trialSuffix); len(left) > 0 {
			t.Errorf("%q", left)
		}
	})
}

// restart replaces an instance.
func (f *fleet) restart(t *testing.T, i int) {
	t.Helper()
	f.keepers[i].Close()
	k := f.add(t, i)
	f.keepers = f.keepers[:instances]
	f.keepers[i] = k
	k.Serve()
}

// The CA leaves out the intermediate of one certificate. The next order has it.
func TestH27_MissingIntermediateIsOrderedAgain(t *testing.T) {
	t.Parallel()
	b := newBench(t, Options{HTTP: anyPort, Keys: []KeyType{P256}, Reorder: 20 * time.Millisecond})
	b.start(t, pebble.Options{})
	b.ca.LeaveOutIntermediates(true)
	b.Serve()
	bad := b.await(t, 1, anyOne)[0]
	b.ca.LeaveOutIntermediates(false)
	b.Refused(bad.Leaf, "the intermediate is missing")
	wait.Until(t, "no other certificate", func() bool { return !b.Certificates([]string{mail})[0].Leaf.Equal(bad.Leaf) })
	good := b.Certificates([]string{mail})[0]
	verify(t, b.ca, good, mail)
	b.Accepted(bad.Leaf) // is not the present one
	if b.Status()[0].Refusals != 0 || b.entry(P256).trial == nil {
		t.Errorf("%+v", b.Status())
	}
	b.Accepted(good.Leaf)
	if _, err := os.Stat(filepath.Join(b.o.Dir, mail+trialSuffix)); !os.IsNotExist(err) {
		t.Error(err)
	}
}

// Files that are damaged, or tell of a time that a wrong clock has set, delay nothing.
func TestStoredTrials(t *testing.T) {
	t.Parallel()
	b := newBench(t, Options{HTTP: anyPort, Keys: []KeyType{P256}})
	e := b.entry(P256)
	b.table.setStored(e, []byte(`{"refused": "7", "retry"`))
	if e.trial != nil {
		t.Error("half a file was read")
	}
	leaf := &x509.Certificate{SerialNumber: big.NewInt(7)}
	b.table.setStored(e, []byte(`{"refused": "7", "previous": "no PEM", "count": 99, "retry": "2999-01-01T00:00:00Z"}`))
	if at := b.reorderOf(e, leaf); time.Until(at) > longestReorder {
		t.Errorf("the next order is at %s", at)
	}
	for count, want := range map[int]time.Duration{1: day, 2: 2 * day, 3: 4 * day, 4: 7 * day, 1 << 40: 7 * day} {
		if got := b.reorderPause(count); got != want {
			t.Errorf("after %d refusals the pause is %s, want %s", count, got, want)
		}
	}
}
