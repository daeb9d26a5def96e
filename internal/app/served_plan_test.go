package app

import (
	"fmt"
	"slices"
	"testing"
)

// Each listener is asked for each name while these are few. A thousand listeners with a
// thousand names are asked about twice each, and for each name at least once.
func TestNamesAreSharedAmongListeners(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ listeners, names, each int }{
		{8, 3, 3}, {8, 50, 50}, {1, 200, 50}, {40, 100, 50}, {1000, 3, 2}, {1006, 1006, 1}, {5000, 10, 1},
	} {
		names := make([]string, c.names)
		for i := range names {
			names[i] = fmt.Sprintf("mail%d.example.com", i)
		}
		p := newServedPlan(c.listeners)
		p.names["key"] = names
		asked := map[string]bool{}
		for range c.listeners {
			share := p.share("key")
			if len(share) != c.each || len(slices.Compact(slices.Sorted(slices.Values(share)))) != c.each {
				t.Fatalf("%d listeners, %d names: a listener is asked for %q", c.listeners, c.names, share)
			}
			for _, name := range share {
				asked[name] = true
			}
		}
		if want := min(c.names, c.each*c.listeners); len(asked) != want {
			t.Errorf("%d listeners, %d names: %d names are asked for, want %d", c.listeners, c.names, len(asked), want)
		}
	}
}
