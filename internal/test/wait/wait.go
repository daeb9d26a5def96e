// Package wait lets tests wait for what other goroutines and programs do, and
// read the log that these write meanwhile.
package wait

import (
	"testing"
	"time"
)

// patience is far beyond what anything takes that happens at all.
const patience = time.Minute

// Until waits for what must happen within a minute, or ends the test saying
// what is wrong.
func Until(t testing.TB, wrong string, happened func() bool) {
	t.Helper()
	if !Happens(happened) {
		t.Fatalf("%s, after %v", wrong, patience)
	}
}

// Happens reports whether something happens within a minute.
func Happens(happened func() bool) bool {
	for end := time.Now().Add(patience); !happened(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			return false
		}
	}
	return true
}
