//go:build !race

package app

// raceAllocations is what the race detector may add to a session.
const raceAllocations = 0
