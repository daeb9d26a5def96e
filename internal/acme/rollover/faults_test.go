package rollover

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/letterlock/letterlock/internal/acme"
	"github.com/letterlock/letterlock/tlspolicy/dane"
)

// While DNS refuses changes, or one server lacks the record, lies, is down or not signed,
// the clock is wrong, the disk is full, or the CA is down, the certificate is renewed with
// its present key. Afterwards the rollover goes on.
func TestH28_KeyStays(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		fault  func(*world, bool)
		remedy string
	}{
		"refused":         {func(w *world, on bool) { w.refuses = on }, "acme.dane.publish"},
		"a server is off": {func(w *world, on bool) { w.down[1] = on }, "all servers of the zone"},
		"a server lags": {func(w *world, on bool) {
			if w.lag[1] = time.Hour; on {
				w.lag[1] = 20 * day
			}
		}, "in step"},
		"a server lies":         {func(w *world, on bool) { w.lies = on }, "in step"},
		"the signatures expire": {func(w *world, on bool) { w.expired = on }, "renew its signatures"},
		"the clock is a year ahead": {func(w *world, on bool) {
			if w.ahead = 0; on {
				w.ahead = 365 * day
			}
		}, "clock of this machine"},
		"the zone is not signed": {func(w *world, on bool) { w.unsigned = on }, "sign the zone"},
		"the disk is full":       {func(w *world, on bool) { w.full = on }, "room on the disk"},
		"the CA is down":         {func(w *world, on bool) { w.caDown = on }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			inTime(t, func(t *testing.T) {
				w := newWorld(t, acme.P256)
				w.life = 9 * day
				w.pass(time.Minute) // the first certificate and its record
				tt.fault(w, true)
				w.pass(7 * day)
				if len(w.keys) != 1 {
					t.Errorf("%d keys", len(w.keys))
				}
				if s := w.keeper.Status()[0]; !strings.Contains(s.Remedy, tt.remedy) || (s.Problem == "") != (tt.remedy == "") {
					t.Errorf("%q, %q", s.Problem, s.Remedy)
				}
				tt.fault(w, false)
				w.pass(13 * day / 2)
				w.inOrder(2)
				if s := w.keeper.Status()[0]; s.Problem != "" {
					t.Errorf("afterwards: %s", s.Problem)
				}
			})
		})
	}
}

// A record that disappears before the order, at one server, keeps the key.
func TestRecordDisappearsBeforeTheOrder(t *testing.T) {
	t.Parallel()
	inTime(t, func(t *testing.T) {
		w := newWorld(t, acme.P256)
		w.life = 9 * day
		w.pass(5 * day)
		if s := w.keeper.Status()[0]; s.Step != Ready {
			t.Fatal(s.Step, s.Problem)
		}
		w.pass(time.Until(w.served[host].NotBefore.Add(w.life*2/3)) - time.Hour)
		w.every = time.Minute
		w.pass(time.Until(w.served[host].NotBefore.Add(w.life*2/3)) - 2*time.Minute)
		w.every = time.Hour
		w.refuses = true
		current := w.keeper.Status()[0].Current
		w.publish(slices.DeleteFunc(slices.Clone(w.now()), func(r dane.TLSA) bool { return r.String() != current }))
		w.lag[1] = 0
		w.pass(2 * day)
		w.inOrder(1)
		if len(w.keys) != 1 || w.orders != 2 {
			t.Errorf("%d keys in %d orders", len(w.keys), w.orders)
		}
		w.refuses = false
		w.pass(6 * day)
		w.inOrder(2)
	})
}

// The disk is full when the certificate with the new key comes. After a restart the older
// one is served, whose record is still there.
func TestDiskIsFullAtTheOrder(t *testing.T) {
	t.Parallel()
	inTime(t, func(t *testing.T) {
		w := newWorld(t, acme.P256)
		w.life = 9 * day
		w.pass(5 * day)
		w.full = true
		w.pass(2 * day)
		w.inOrder(2)
		w.start()
		w.pass(day)
		w.full = false
		w.pass(13 * day)
		w.inOrder(3)
	})
}

// The clock jumps a year ahead while the record is new. The jump does not count as a wait.
func TestH28_ClockJumps(t *testing.T) {
	t.Parallel()
	s := state{Step: Settle, TTL: time.Hour, Current: "3 1 1 aa", Next: "3 1 1 bb"}
	now := time.Now()
	good := view{}
	for _, jump := range []time.Duration{0, 365 * day, -365 * day, 365 * day, time.Minute} {
		now = now.Add(jump)
		s = s.advance(now, s.Current, good, 0)
	}
	if s.Step != Settle || s.Held > time.Hour {
		t.Errorf("%s after %s", s.Step, s.Held)
	}
}

// A program that replaces the records of a name, in place of adding one, is noticed. The
// record of the present key comes back, and the next one is not tried again that day.
func TestProgramReplacesRecords(t *testing.T) {
	t.Parallel()
	inTime(t, func(t *testing.T) {
		w := newWorld(t, acme.P256)
		w.replaces = true
		w.pass(12 * time.Hour)
		s := w.keeper.Status()[0]
		if !strings.Contains(s.Problem, "removed another") || !strings.Contains(s.Remedy, "keep the other") {
			t.Errorf("%q, %q", s.Problem, s.Remedy)
		}
		if now := w.now(); len(now) != 1 || now[0].String() != s.Current {
			t.Errorf("%s, not the present key's %s", now, s.Current)
		}
		if n := len(w.versions); n > 4 {
			t.Errorf("%d changes", n)
		}
	})
}

// away is the disk of an instance that does not reach the shared state.
type away struct{ *world }

var errAway = errors.New("i/o timeout")

func (away) Lock(context.Context, string) (acme.Held, error) { return nil, errAway }

// While the state that instances share is away, nothing changes.
func TestSharedStateIsAway(t *testing.T) {
	t.Parallel()
	inTime(t, func(t *testing.T) {
		w := newWorld(t, acme.P256)
		w.life = 9 * day
		w.pass(5 * day)
		versions := len(w.versions)
		w.keeper.o.Store = away{w}
		w.pass(6 * day)
		w.inOrder(1)
		if s := w.keeper.Status()[0]; !strings.Contains(s.Remedy, "store of the cluster") || len(w.keys) != 1 || len(w.versions) != versions {
			t.Errorf("%q, %d keys, %d changes", s.Remedy, len(w.keys), len(w.versions)-versions)
		}
	})
}

// The stored state is half a file: nothing is changed, and the remedy is shown.
func TestBrokenState(t *testing.T) {
	t.Parallel()
	inTime(t, func(t *testing.T) {
		w := newWorld(t, acme.P256)
		w.life = 9 * day
		w.pass(day)
		w.entries[host+stateSuffix] = w.entries[host+stateSuffix][:100]
		versions := len(w.versions)
		w.start()
		w.pass(6 * day)
		w.inOrder(1)
		if s := w.keeper.Status()[0]; s.Problem == "" || len(w.versions) != versions || len(w.keys) != 1 {
			t.Errorf("%q, %d changes, %d keys", s.Problem, len(w.versions)-versions, len(w.keys))
		}
		if strings.Contains(w.log.String(), "BEGIN") {
			t.Error("the log has the key")
		}
	})
}
