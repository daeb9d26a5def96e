//go:build race

package app

// raceAllocations bounds the allocations that the race detector adds to a session.
const raceAllocations = 25
