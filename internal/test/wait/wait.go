// Package wait lets tests wait for events in other goroutines and programs, and
// read logs that are being written.
package wait

import (
	"testing"
	"time"
)

// patience is far longer than any event that tests wait for takes.
const patience = time.Minute

// longestPause is the time between two looks at an event that is long in coming: a look
// may be a TLS handshake, and many tests wait at the same time.
const longestPause = 20 * time.Millisecond

// Until waits until happened returns true, at most a minute. After that it
// fails the test with the text wrong.
func Until(t testing.TB, wrong string, happened func() bool) {
	t.Helper()
	if !Happens(happened) {
		t.Fatalf("%s, after %v", wrong, patience)
	}
}

// Happens reports whether happened returns true within a minute.
func Happens(happened func() bool) bool {
	pause := time.Millisecond
	for end := time.Now().Add(patience); !happened(); time.Sleep(pause) {
		if time.Now().After(end) {
			return false
		}
		pause = min(2*pause, longestPause)
	}
	return true
}
