package world

import (
	"fmt"
	"strings"
	"sync"
	"time"
)

// Log keeps the output of a process, line by line, and lets tests wait for a
// line.
type Log struct {
	mu      sync.Mutex
	lines   []string
	rest    string        // the last line, while it is incomplete
	changed chan struct{} // closed at the next line
}

func newLog() *Log { return &Log{changed: make(chan struct{})} }

// Write adds output.
func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	lines := strings.Split(l.rest+string(p), "\n")
	l.rest = lines[len(lines)-1]
	if lines = lines[:len(lines)-1]; len(lines) > 0 {
		l.lines = append(l.lines, lines...)
		close(l.changed)
		l.changed = make(chan struct{})
	}
	return len(p), nil
}

// Mark returns the current end of the log, for Since and Await.
func (l *Log) Mark() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.lines)
}

// Since returns the lines after a mark.
func (l *Log) Since(mark int) []string {
	lines, _ := l.since(mark)
	return lines
}

func (l *Log) since(mark int) ([]string, chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]string(nil), l.lines[mark:]...), l.changed
}

// Await waits for the first line after a mark that contains all the words, and
// returns it.
func (l *Log) Await(mark int, timeout time.Duration, words ...string) (string, error) {
	end := time.NewTimer(timeout)
	defer end.Stop()
	for {
		lines, changed := l.since(mark)
		for _, line := range lines {
			if hasAll(line, words) {
				return line, nil
			}
		}
		select {
		case <-changed:
		case <-end.C:
			return "", fmt.Errorf("no line with %q within %v; the last are:\n%s", words, timeout, tail(lines))
		}
	}
}

func hasAll(line string, words []string) bool {
	for _, word := range words {
		if !strings.Contains(line, word) {
			return false
		}
	}
	return true
}

// Tail returns the end of the log, for error messages.
func (l *Log) Tail() string { return tail(l.Since(0)) }

func tail(lines []string) string {
	return strings.Join(lines[max(0, len(lines)-12):], "\n")
}
