// Package parking waits for events on many silent connections with one goroutine.
// A parked connection needs neither a goroutine nor a buffer.
package parking

// Waiter is called from the poller's goroutine, and must not block.
type Waiter interface {
	// Woken reports that there is something to read; reset, that the connection is
	// broken, or closed in both directions.
	Woken(reset bool)
}
