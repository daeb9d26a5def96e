package lookup

import "sync/atomic"

// Counts counts the results of a lookup since the start of the program.
type Counts struct{ found, refused, failed, cached atomic.Uint64 }

// Tally is the state of Counts at a time.
type Tally struct {
	Found   uint64 // the server has named a backend
	Refused uint64 // the server has refused the login
	Failed  uint64 // the server has given no usable answer
	Cached  uint64 // an earlier answer was used
}

// Now returns the counts.
func (c *Counts) Now() Tally {
	return Tally{c.found.Load(), c.refused.Load(), c.failed.Load(), c.cached.Load()}
}
