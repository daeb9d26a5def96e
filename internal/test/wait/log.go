package wait

import (
	"bytes"
	"sync"
)

// Log is an io.Writer that keeps what is written, so that a test can read it
// while others write. The zero value is ready to use.
type Log struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write keeps p; it never fails.
func (t *Log) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.text.Write(p)
}

// String is all that was written until now.
func (t *Log) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.text.String()
}
