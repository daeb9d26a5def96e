//go:build linux

package load

import (
	"slices"
	"time"
)

// lap is one operation.
type lap struct {
	at     time.Duration // its end, from the beginning of the work
	took   time.Duration
	failed bool
}

// failure is the error of an operation that does not end the work; see Job.Tolerant.
type failure struct{ error }

// durations returns how long the operations took that have not failed, in order.
func durations(laps []lap) []time.Duration {
	took := make([]time.Duration, 0, len(laps))
	for _, l := range laps {
		if !l.failed {
			took = append(took, l.took)
		}
	}
	slices.Sort(took)
	return took
}

// windows divides the operations by the time of their end. Length 0 means no windows.
func windows(laps []lap, length time.Duration) []Window {
	if length == 0 {
		return nil
	}
	var parts [][]lap
	for _, l := range laps {
		at := int(l.at / length)
		for at >= len(parts) {
			parts = append(parts, nil)
		}
		parts[at] = append(parts[at], l)
	}
	all := make([]Window, len(parts))
	for i, part := range parts {
		took := durations(part)
		all[i] = Window{Done: len(took), Failed: len(part) - len(took), P99: percentile(took, 99)}
	}
	return all
}

func percentile(sorted []time.Duration, p int) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[min(len(sorted)-1, len(sorted)*p/100)]
}
