//go:build linux

package load

import (
	"slices"
	"testing"
	"time"
)

func TestWindows(t *testing.T) {
	const s, ms = time.Second, time.Millisecond
	laps := []lap{{at: 10 * ms, took: 3 * ms}, {at: 2500 * ms, took: 9 * ms}, {at: 20 * ms, took: 5 * ms}, {at: 30 * ms, took: 8 * ms, failed: true}}
	if got, want := windows(laps, s), []Window{{2, 1, 5 * ms}, {}, {1, 0, 9 * ms}}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if got := windows(laps, 0); got != nil {
		t.Errorf("%v without a length", got)
	}
}
