// Package testlog is a log that a test reads while others write it.
package testlog

import (
	"bytes"
	"sync"
)

// Text is an io.Writer that keeps what it is given. The zero value is empty and
// ready.
type Text struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write keeps p; it never fails.
func (t *Text) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.text.Write(p)
}

// String is all that was written until now.
func (t *Text) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.text.String()
}
