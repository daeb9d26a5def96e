package page

import (
	"fmt"
	"testing"
	"time"
)

func TestHistogram(t *testing.T) {
	var h histogram
	for _, d := range []time.Duration{-time.Second, 0, 50 * time.Millisecond, 51 * time.Millisecond, time.Second, 24 * time.Hour, 25 * time.Hour} {
		h.observe(d)
	}
	expect(t, "count", h.count, 7)
	buckets := h.cumulative()
	for bound, want := range map[float64]uint64{0.05: 3, 0.25: 4, 1: 5, 28800: 5, 86400: 6} {
		expect(t, fmt.Sprint(bound), buckets[bound], want)
	}
}

func TestRingForgetsTheOldest(t *testing.T) {
	var r ring
	expect(t, "empty", len(r.newestFirst()), 0)
	for i := range maxRecent + 3 {
		r.add(&session{id: fmt.Sprint(i)})
		list := r.newestFirst()
		expect(t, "newest", list[0].id, fmt.Sprint(i))
		expect(t, "oldest", list[len(list)-1].id, fmt.Sprint(max(0, i-maxRecent+1)))
	}
}

// What a page is made from does not change under it.
func TestCloneIsACopy(t *testing.T) {
	c := newCounts()
	c.opened["imap"] = 1
	copied := c.clone([]string{"imap", "sieve"})
	c.opened["imap"]++
	c.close(&session{service: "imap", end: &ending{at: time.Now()}})
	expect(t, "opened", copied.opened["imap"], 1)
	expect(t, "ended", len(copied.outcomes), 0)
	expect(t, "durations", copied.durations["imap"].count, 0)
	if _, seen := copied.opened["sieve"]; !seen {
		t.Error("a configured service is missing")
	}
	if _, seen := c.opened["sieve"]; seen {
		t.Error("making a copy has changed the original")
	}
}
