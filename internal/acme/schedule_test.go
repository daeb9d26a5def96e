package acme

import (
	"testing"
	"time"

	"github.com/letterlock/letterlock/internal/test/authority"
)

// The clock of this machine is a year ahead or behind. The certificate is renewed when it
// is due by the clock of the CA: neither every hour, because it seems to have expired, nor
// a year too late.
func TestRenewalWithAWrongClock(t *testing.T) {
	t.Parallel()
	for _, wrong := range []time.Duration{365 * day, -365 * day} {
		b := newBench(t, Options{HTTP: "127.0.0.1:0", Keys: []KeyType{P256}})
		e := b.entry(P256)
		c := authority.New(t).ECDSA(t, mail)
		whole := *c.Leaf
		whole.NotBefore, whole.NotAfter = time.Now().Add(-wrong), time.Now().Add(-wrong).Add(90*day)
		c.Leaf = &whole
		e.cert, e.renewal.ask = &c, time.Now().Add(time.Hour)
		b.transport.offset = -wrong
		if left := time.Until(b.due(e)); left < 54*day || left > 60*day {
			t.Errorf("with a clock that is %s ahead, it is due in %s", wrong, left)
		}
	}
}
