package wait

import (
	"bytes"
	"sync"
)

// Log is an io.Writer that keeps all writes, so that a test can read them while
// other goroutines write. The zero value is ready to use.
type Log struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write appends p; it never fails.
func (t *Log) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.text.Write(p)
}

// String returns everything that was written so far.
func (t *Log) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.text.String()
}
