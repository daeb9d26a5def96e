package main

import (
	"context"
	"time"

	"github.com/letterlock/letterlock/internal/watch"
)

// watchedFile notices changes of the configuration's file. Nil watches nothing.
type watchedFile struct {
	files   watch.Files
	changes chan struct{} // holds a value after a change of the file
}

// watchFile remembers the present state of a file.
func watchFile(path string) *watchedFile {
	w := &watchedFile{changes: make(chan struct{}, 1)}
	first := true
	_ = w.files.Add(func() error { // it never fails
		if !first {
			w.changed()
		}
		first = false
		return nil
	}, path)
	return w
}

func (w *watchedFile) changed() {
	select {
	case w.changes <- struct{}{}:
	default: // a reload is due already, and will read the file as it is then
	}
}

// wait returns the channel that receives a value when the file has changed.
func (w *watchedFile) wait() <-chan struct{} {
	if w == nil {
		return nil
	}
	return w.changes
}

// lookTime is the time between two checks of the file. A change counts when two
// checks in a row have found the file the same.
const lookTime = 2 * time.Second

// look checks the file until the context ends.
func (w *watchedFile) look(ctx context.Context) {
	if w == nil {
		return
	}
	tick := time.NewTicker(lookTime)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			w.files.Look()
		}
	}
}
