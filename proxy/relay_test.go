package proxy

import "testing"

// A direction never goes back to an earlier state, and only a running one is
// parked.
func TestRelayStates(t *testing.T) {
	t.Parallel()
	for from := parked; from <= ended; from++ {
		for to := parked; to <= ended; to++ {
			want := to > from || from == running && to == parked
			s := from
			if changed := s.moveTo(to); changed != want {
				t.Errorf("%d to %d: %v", from, to, changed)
			}
			if want && s != to || !want && s != from {
				t.Errorf("%d to %d: %d", from, to, s)
			}
		}
	}
}
