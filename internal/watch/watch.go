// Package watch notices that files have changed, and loads them again. It
// checks the files when Look is called, without notifications from the kernel,
// so that it works with every file system and every way to replace a file:
// overwriting it, renaming another file to its name, or changing a symbolic
// link on its path, as certbot and Kubernetes do.
package watch

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// Files is a set of watched files. Its methods may be called from any
// goroutine; loads run one after the other.
type Files struct {
	// Report is called with the result of loading a file again, and with an error only
	// once while the error stays the same. It may be nil.
	Report func(Status)

	mu    sync.Mutex
	items []*item
}

// Status is the state of files that belong together.
type Status struct {
	Paths    []string
	Err      error     // of the last load; the content loaded before is still in use
	Loaded   time.Time // the last load that succeeded
	Failures int       // loads that failed, each error counted once
}

type item struct {
	Status
	load   func() error
	loaded stamp // state of the files at the last load
	seen   stamp // state of the files at the last Look
}

// Add loads files that belong together, and watches them if that succeeds.
func (f *Files) Add(load func() error, paths ...string) error {
	i := &item{Status: Status{Paths: paths}, load: load, loaded: stampOf(paths)}
	if err := load(); err != nil {
		return err
	}
	i.Loaded = time.Now()
	i.seen = i.loaded
	f.mu.Lock()
	defer f.mu.Unlock()
	f.items = append(f.items, i)
	return nil
}

// Continue continues the failure counts of another set.
func (f *Files) Continue(before *Files) {
	counted := map[string]int{}
	for _, s := range before.Status() {
		counted[s.Names()] = s.Failures
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, i := range f.items {
		i.Failures += counted[i.Names()]
	}
}

// Look loads files that have changed, but not since the previous Look, so that
// it does not load a file that is still being written. It tries failed loads
// again.
func (f *Files) Look() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, i := range f.items {
		now := stampOf(i.Paths)
		settled := now.equal(i.seen)
		i.seen = now
		if settled && (i.Err != nil || !now.equal(i.loaded)) {
			f.reload(i, now)
		}
	}
}

// Reload loads all files at once, changed or not.
func (f *Files) Reload() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, i := range f.items {
		i.seen = stampOf(i.Paths)
		f.reload(i, i.seen)
	}
}

// reload loads an item whose files have the state now. An error does not count
// if the files have changed during the load.
func (f *Files) reload(i *item, now stamp) {
	err := i.load()
	if after := stampOf(i.Paths); err != nil && !after.equal(now) {
		return
	}
	known := i.Err
	i.Err, i.loaded = err, now
	switch {
	case err == nil:
		i.Loaded = time.Now()
	case known != nil && known.Error() == err.Error():
		return
	default:
		i.Failures++
	}
	if f.Report != nil {
		f.Report(i.Status)
	}
}

// Status lists the states, in the order of Add.
func (f *Files) Status() []Status {
	f.mu.Lock()
	defer f.mu.Unlock()
	all := make([]Status, len(f.items))
	for n, i := range f.items {
		all[n] = i.Status
	}
	return all
}

// stamp is the state of several files.
type stamp []state

// state is the state of one file; the zero value means that the file does not
// exist.
type state struct {
	path string // after symbolic links
	info os.FileInfo
}

func stampOf(paths []string) stamp {
	s := make(stamp, len(paths))
	for n, path := range paths {
		if info, err := os.Stat(path); err == nil {
			s[n].info = info
			s[n].path, _ = filepath.EvalSymlinks(path)
		}
	}
	return s
}

func (s stamp) equal(t stamp) bool { return slices.EqualFunc(s, t, state.equal) }

func (s state) equal(t state) bool {
	if s.info == nil || t.info == nil {
		return s.info == nil && t.info == nil
	}
	return s.path == t.path && s.info.Size() == t.info.Size() && s.info.Mode() == t.info.Mode() &&
		s.info.ModTime().Equal(t.info.ModTime()) && os.SameFile(s.info, t.info)
}

// Names lists the paths of a status for the log.
func (s Status) Names() string { return strings.Join(s.Paths, ", ") }
