package upstream

import (
	"errors"
	"log/slog"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/letterlock/letterlock/internal/gate"
)

func TestByClient(t *testing.T) {
	pool := &Pool{Addresses: []string{"10.0.0.1:143", "10.0.0.2:143", "10.0.0.3:143"}, ByClient: true}
	first := map[string]int{}
	for i := range 300 {
		client := netip.AddrFrom4([4]byte{192, 0, 2, byte(i)})
		order := pool.Order(client)
		if again := pool.Order(client); !slices.Equal(order, again) {
			t.Fatalf("%v, and then %v", order, again)
		}
		first[order[0].address]++
		pool.update(order[0], errors.New("gone"))
		if after := pool.Order(client); after[0] != order[1] || after[2] != order[0] {
			t.Fatalf("%v becomes %v", order, after)
		}
		pool.update(order[0], nil)
	}
	for _, address := range pool.Addresses {
		if first[address] < 50 {
			t.Errorf("%v", first)
		}
	}
}

// A session with a greeting counts like a check.
func TestSessionsPutChecksOff(t *testing.T) {
	pool := &Pool{Addresses: []string{"10.0.0.1:143", "10.0.0.2:143"}, Health: time.Hour}
	m := pool.Order(netip.Addr{})[0]
	m.due = time.Now().Add(-time.Minute)
	if !slices.Contains(pool.dueNow(), m) {
		t.Fatal("not due")
	}
	pool.update(m, nil)
	if slices.Contains(pool.dueNow(), m) || time.Until(m.due) < 50*time.Minute {
		t.Errorf("due in %s", time.Until(m.due))
	}
}

func TestChecksBackOff(t *testing.T) {
	pool := &Pool{Health: 30 * time.Second}
	for failures, factor := range []int{1, 1, 2, 4, 8, 8, 8} {
		pause, middle := pool.pause(failures), pool.Health*time.Duration(factor)
		if pause < middle*8/10 || pause > middle*12/10 {
			t.Errorf("%s after %d failures", pause, failures)
		}
	}
	if pool.checked() {
		t.Error("a pool without a probe is checked")
	}
}

// A single address is checked only while it is down.
func TestSingleAddress(t *testing.T) {
	pool := &Pool{Addresses: []string{"10.0.0.1:143"}, Health: time.Hour}
	m := pool.Order(netip.Addr{})[0]
	pool.nextDue()
	pool.checkSoon(m)
	pool.update(m, nil)
	pool.checkSoon(m)
	if !m.due.IsZero() || len(pool.dueNow()) > 0 {
		t.Errorf("due in %s while it is up", time.Until(m.due))
	}
	pool.update(m, errors.New("gone"))
	if left := time.Until(m.due); left < time.Second || left > soonest || time.Until(pool.nextDue()) > soonest {
		t.Errorf("due in %s after the first failure", left)
	}
	if len(pool.hurry) == 0 {
		t.Error("the checks are not woken")
	}
	pool.update(m, errors.New("gone"))
	if left := time.Until(m.due); left < 50*time.Minute {
		t.Errorf("due in %s after the second failure", left)
	}
	pool.update(m, nil)
	if !m.due.IsZero() {
		t.Errorf("due in %s when it is up again", time.Until(m.due))
	}
}

// A backend that cannot be reached by a probe counts as down, unless a session has
// reached it before.
func TestReportUnreached(t *testing.T) {
	pool := &Pool{Addresses: []string{"10.0.0.1:143"}, Health: time.Hour}
	pool.ReportUnreached("10.0.0.1:143", errors.New("gone"), slog.New(slog.DiscardHandler))
	if !pool.IsDown() {
		t.Error("not down")
	}
	pool.update(pool.Order(netip.Addr{})[0], nil)
	pool.ReportUnreached("10.0.0.1:143", errors.New("gone"), slog.New(slog.DiscardHandler))
	if pool.IsDown() {
		t.Error("down, although a session has reached it")
	}
}

func TestWords(t *testing.T) {
	for _, c := range []struct {
		h    Handover
		want gate.Handover
	}{
		{Handover{}, gate.NoHandover},
		{Handover{Header: 2}, gate.PROXYHeader},
		{Handover{Transparent: true}, gate.NoHandover},
		{Handover{Spoken: gate.XCLIENT}, gate.XCLIENT},
	} {
		if got := c.h.Words(); got != c.want {
			t.Errorf("%v: %v", c.h, got)
		}
	}
}
