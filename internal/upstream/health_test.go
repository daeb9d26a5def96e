package upstream

import (
	"errors"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/wire"
)

// A failure marks a backend as down, unless the client may be its cause.
func TestSessionsShowHealth(t *testing.T) {
	gone := &net.OpError{Op: "dial", Err: errors.New("refused")}
	for name, c := range map[string]struct {
		h    Handover
		err  error
		down bool
	}{
		"well":                              {Handover{}, nil, false},
		"not reached":                       {Handover{Header: 1}, gate.Because(gate.BackendDown, gone), true},
		"not reached from client's address": {Handover{Transparent: true}, gate.Because(gate.BackendDown, gone), false},
		"silent":                            {Handover{Header: 1}, gate.Because(gate.BackendGone, os.ErrDeadlineExceeded), true},
		"closed after a header":             {Handover{Header: 1}, gate.Because(gate.BackendGone, io.EOF), false},
		"closed after XCLIENT":              {Handover{Spoken: gate.XCLIENT}, gate.Knowing(gate.Because(gate.BackendGone, io.EOF)), false},
		"closed before XCLIENT":             {Handover{Spoken: gate.XCLIENT}, gate.Because(gate.BackendGone, io.EOF), true},
		"closed":                            {Handover{}, gate.Because(gate.BackendGone, io.EOF), true},
		"refuses us":                        {Handover{}, gate.Because(gate.BackendRefused, errors.New("no")), false},
		"refuses the client":                {Handover{Header: 1}, gate.Because(gate.ClientRefused, errors.New("no")), false},
		"refuses the handover":              {Handover{Spoken: gate.XCLIENT}, gate.Because(gate.HandoverRefused, errors.New("no")), true},
		"not the protocol":                  {Handover{}, gate.Because(gate.BackendGarbage, errors.New("no")), true},
	} {
		t.Run(name, func(t *testing.T) {
			pool := &Pool{Addresses: []string{"10.0.0.1:25", "10.0.0.2:25"}, Health: time.Hour, Probe: func(*wire.Stream) error { return nil }}
			pool.ReportSession(pool.Order(netip.Addr{})[0], c.h, c.err, slog.New(slog.DiscardHandler))
			if down := slices.ContainsFunc(pool.State(), func(s State) bool { return s.Down != nil }); down != c.down {
				t.Errorf("down: %v", down)
			}
		})
	}
}

// Checks that sessions ask for are rare, however often they ask.
func TestChecksOnDemandAreRare(t *testing.T) {
	pool := &Pool{Addresses: []string{"10.0.0.1:25", "10.0.0.2:25"}, Health: time.Hour}
	m := pool.Order(netip.Addr{})[0]
	pool.checkSoon(m)
	if len(pool.dueNow()) == 0 {
		t.Fatal("the check is not due")
	}
	pool.update(m, nil)
	for range 3 {
		pool.checkSoon(m)
	}
	if left := time.Until(m.due); left < time.Second || left > soonest {
		t.Errorf("the check is due in %s", left)
	}
}
