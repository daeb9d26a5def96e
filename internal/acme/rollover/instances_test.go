package rollover

import (
	"context"
	"crypto/x509"
	"strings"
	"testing"
	"time"

	"github.com/letterlock/letterlock/internal/acme"
)

// common is the store of several instances. Its locks can be lost.
type common struct {
	*world
	lost bool
}

func (c *common) Lock(context.Context, string) (acme.Held, error) { return c, nil }

// Unlock does nothing: everything is called from one goroutine.
func (c *common) Unlock() {}

func (c *common) Put(ctx context.Context, name string, data []byte) error {
	if c.lost {
		return acme.ErrLost
	}
	return c.world.Put(ctx, name, data)
}

// late is the certificate that other instances still serve after an order.
type late struct {
	leaf  *x509.Certificate
	until time.Time
}

const latest = 12 * time.Hour // until the other instances serve a new certificate

// instances lists the Keepers of all instances.
func (w *world) instances() []*Keeper { return append([]*Keeper{w.keeper}, w.more...) }

// newInstances creates a world with three instances, which share a store.
func newInstances(t *testing.T) (*world, *common) {
	w := newWorld(t, acme.P256)
	w.shared = &common{world: w}
	w.start()
	return w, w.shared
}

// Three instances roll one key over. Each orders in turn, and the others serve the older
// certificate for hours. No mail is refused, and each record is set once.
func TestSeveralInstances(t *testing.T) {
	t.Parallel()
	inTime(t, func(t *testing.T) {
		w, _ := newInstances(t)
		w.pass(365 * day)
		w.inOrder(6)
		added := 0
		for i, v := range w.versions[1:] {
			added += max(len(v.records)-len(w.versions[i].records), 0)
		}
		if added > len(w.keys)+1 { // of all keys and the next one
			t.Errorf("%d records were added for %d keys", added, len(w.keys))
		}
		if n := len(w.now()); n != 2 {
			t.Errorf("%d records at the end: %s", n, w.now())
		}
		if strings.Contains(w.log.String(), "level=WARN") {
			t.Errorf("a warning:\n%s", w.log)
		}
	})
}

// The certificate is always due, and each instance makes its checks. All waits are as long
// as with one instance.
func TestInstancesWaitAsOne(t *testing.T) {
	t.Parallel()
	inTime(t, func(t *testing.T) {
		w, _ := newInstances(t)
		w.ttl, w.lag[1] = 4*time.Minute, 0
		w.life, w.every = time.Minute, time.Minute
		w.pass(3 * day)
		w.inOrder(3)
		if len(w.keys) > 4 {
			t.Errorf("%d keys in three days, although the record of each stays for one more day", len(w.keys))
		}
	})
}

// An instance that has lost its lock neither stores the state nor changes DNS.
func TestTheLockIsLost(t *testing.T) {
	t.Parallel()
	inTime(t, func(t *testing.T) {
		w, store := newInstances(t)
		w.pass(day)
		stored, versions := string(w.entries[host+stateSuffix]), len(w.versions)
		store.lost = true
		w.renew = time.Now()
		w.pass(2 * day)
		if string(w.entries[host+stateSuffix]) != stored || len(w.versions) != versions {
			t.Errorf("the state is %s, %d changes of DNS", w.entries[host+stateSuffix], len(w.versions)-versions)
		}
		if s := w.keeper.Status()[0]; !strings.Contains(s.Remedy, "store of the cluster") {
			t.Errorf("%q, %q", s.Problem, s.Remedy)
		}
		store.lost = false
		w.pass(2 * day)
		w.inOrder(2)
	})
}
