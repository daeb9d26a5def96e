package rollover

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/letterlock/letterlock/internal/acme"
	"github.com/letterlock/letterlock/tlspolicy/dane"
)

// inTime runs a test in a bubble with its own clock.
func inTime(t *testing.T, test func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, test)
}

// A year passes, with a secondary server that is 40 minutes behind. Each renewal changes
// the key, each sender sends every hour, and no mail is refused.
func TestYear(t *testing.T) {
	t.Parallel()
	inTime(t, func(t *testing.T) {
		w := newWorld(t, acme.P256, acme.RSA2048)
		w.pass(365 * day)
		w.inOrder(12)
		if n := len(w.now()); n != 4 {
			t.Errorf("%d records at the end: %s", n, w.now())
		}
		if strings.Contains(w.log.String(), "level=WARN") {
			t.Errorf("a warning:\n%s", w.log)
		}
	})
}

// The certificate is always due: the next key is used at the first moment at which it may
// be, and its record disappears as soon as it may.
func TestH28_NewKeyAsSoonAsPossible(t *testing.T) {
	t.Parallel()
	inTime(t, func(t *testing.T) {
		w := newWorld(t, acme.P256)
		w.life, w.every = time.Minute, 10*time.Minute
		w.pass(2 * day)
		w.inOrder(5)
		var before []dane.TLSA
		for _, v := range w.versions {
			earlier := slices.DeleteFunc(slices.Clone(w.newKeys), func(at time.Time) bool { return at.After(v.at) })
			if len(v.records) < len(before) && v.at.Sub(earlier[len(earlier)-1]) < 2*w.ttl {
				t.Errorf("at %s a record was removed %s after its key", v.at, v.at.Sub(earlier[len(earlier)-1]))
			}
			before = v.records
		}
	})
}

// The first records wait for a certificate with each type of key.
func TestFirstRecordsAreOfAllKeys(t *testing.T) {
	t.Parallel()
	inTime(t, func(t *testing.T) {
		w := newWorld(t, acme.P256, acme.RSA2048)
		w.rsaOff = true
		w.pass(3 * time.Hour)
		if len(w.now()) > 0 {
			t.Errorf("records: %s", w.now())
		}
		if s := w.keeper.Status()[0]; s.Problem != "" {
			t.Errorf("%q already", s.Problem)
		}
		w.pass(2 * time.Hour)
		if s := w.keeper.Status()[0]; !strings.Contains(s.Remedy, "acme.keys") {
			t.Errorf("%q, %q", s.Problem, s.Remedy)
		}
		w.rsaOff = false
		w.pass(day)
		w.inOrder(2)
		if len(w.now()) != 4 {
			t.Errorf("records: %s", w.now())
		}
	})
}

// The process is killed at each of its operations in turn: reading and writing its state,
// asking for and changing DNS, ordering. The next process goes on from the stored state.
func TestH28_KilledAtEachStep(t *testing.T) {
	t.Parallel()
	var operations int
	run := func(t *testing.T, killAt int) {
		inTime(t, func(t *testing.T) {
			w := newWorld(t, acme.P256)
			w.killAt = killAt
			w.ttl, w.lag[1] = 20*time.Minute, 10*time.Minute
			w.pass(2 * time.Hour)
			w.renew = time.Now().Add(-time.Hour)
			w.pass(4 * time.Hour)
			w.inOrder(2)
			if len(w.now()) != 2 {
				t.Errorf("killed at %d: %d records: %s", killAt, len(w.now()), w.now())
			}
			operations = w.operations
		})
	}
	run(t, 0)
	for killAt := 1; killAt <= operations && !t.Failed(); killAt++ {
		run(t, killAt)
	}
	t.Logf("%d operations", operations)
}

// The administrator sets the records a day after they are wanted, and removes the old
// ones late. The Keeper changes nothing.
func TestByHand(t *testing.T) {
	t.Parallel()
	inTime(t, func(t *testing.T) {
		w := newWorld(t, acme.P256)
		w.byHand, w.refuses, w.life = true, true, 30*day
		w.start()
		for range 100 {
			w.pass(day)
			s := w.keeper.Status()[0]
			if s.Step == Publish && time.Since(s.Since) > 3*day {
				w.publish(parsed(append([]string{s.Current, s.Next}, s.Remove...)))
			}
			if len(s.Remove) > 0 && time.Since(s.Since) > 8*day {
				w.publish(parsed([]string{s.Current, s.Next}))
			}
		}
		w.inOrder(4)
		if len(w.keeper.Status()[0].Remove) > 1 {
			t.Errorf("to remove: %s", w.keeper.Status()[0].Remove)
		}
	})
}

// Another type of key begins as the next key: no certificate has a key without a record.
func TestAnotherTypeOfKey(t *testing.T) {
	t.Parallel()
	inTime(t, func(t *testing.T) {
		w := newWorld(t, acme.P256)
		w.life = 9 * day
		w.pass(day)
		w.kinds = []acme.KeyType{acme.P384}
		w.start()
		w.pass(6 * day)
		w.inOrder(2)
		if leaf := w.served[host]; !acme.P384.Fits(leaf.PublicKey) {
			t.Errorf("%T", leaf.PublicKey)
		}
	})
}

// A type of key that is added gets its first certificate when its record is everywhere.
func TestTypeOfKeyIsAdded(t *testing.T) {
	t.Parallel()
	inTime(t, func(t *testing.T) {
		w := newWorld(t, acme.P256)
		w.pass(day)
		w.kinds = []acme.KeyType{acme.P256, acme.RSA2048}
		w.start()
		w.pass(2 * time.Hour)
		if len(w.served) != 1 {
			t.Error("the certificate was ordered before its record was everywhere")
		}
		w.pass(day)
		w.inOrder(2)
		if len(w.served) != 2 || len(w.now()) != 4 {
			t.Errorf("%d certificates, %d records", len(w.served), len(w.now()))
		}
	})
}
