package main

import "time"

// bounds limit the resources of an instance.
type bounds struct {
	cpu      float64       // share of its CPUs in the busiest hour
	memory   float64       // GiB for sessions, after another instance has failed
	wait     time.Duration // of a login for the CPU, after another instance has failed
	sessions int           // after another instance has failed
}

// met returns the first bound that an outcome exceeds; empty: none.
func (b bounds) met(o outcome) (exceeded string) {
	switch {
	case o.cpu > b.cpu:
		return "CPU"
	case o.wait > b.wait:
		return "logins after a failure"
	case o.memory > b.memory:
		return "memory"
	case o.sessions > b.sessions:
		return "sessions"
	}
	return ""
}

// smallest returns the installation with the fewest instances, at least two,
// that keeps the bounds, and the bound that one instance less would exceed.
func smallest(c costs, s site, b bounds, seed uint64) (fits site, o outcome, exceeded string) {
	low, high := 1, 2 // the bounds are not kept with low, and perhaps with high
	try := func(n int) (outcome, string) {
		s.instances = n
		o := simulate(c, s, seed)
		return o, b.met(o)
	}
	for {
		if _, fails := try(high); fails == "" {
			break
		}
		low, high = high, 2*high
	}
	for high-low > 1 {
		middle := (low + high) / 2
		if _, fails := try(middle); fails == "" {
			high = middle
		} else {
			low = middle
		}
	}
	_, exceeded = try(low)
	o, _ = try(high)
	return s, o, exceeded
}
