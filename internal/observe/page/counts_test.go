package page

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/letterlock/letterlock/internal/observe"
)

func TestDurations(t *testing.T) {
	s := New(Options{})
	synctest.Test(t, func(*testing.T) { // where the clock stands still
		for _, d := range []time.Duration{-time.Second, 0, 50 * time.Millisecond, 51 * time.Millisecond, time.Second, 24 * time.Hour, 25 * time.Hour} {
			s.counts.ended(&observe.Session{Listener: &observe.Listener{Service: "imap"}, Opened: time.Now().Add(-d)}, observe.Summary{})
		}
	})
	families, err := s.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			h := m.GetHistogram()
			if h == nil {
				continue
			}
			expect(t, "count", h.GetSampleCount(), 7)
			for i, want := range map[int]uint64{0: 3, 1: 4, 2: 5, 9: 5, 10: 6} {
				expect(t, fmt.Sprint(durationBounds[i]), h.GetBucket()[i].GetCumulativeCount(), want)
			}
			return
		}
	}
	t.Error("there is no histogram")
}

// A configured service is shown before its first session.
func TestConfiguredServicesAreShown(t *testing.T) {
	s := New(Options{Listeners: func() []Listener { return []Listener{{Service: "sieve"}} }})
	s.counts.opened.WithLabelValues("imap").Inc()
	r, err := s.report()
	if err != nil {
		t.Fatal(err)
	}
	expect(t, "services", names(r.Services, func(s service) string { return fmt.Sprint(s.Name, s.Opened) }), "[imap1 sieve0]")
}
