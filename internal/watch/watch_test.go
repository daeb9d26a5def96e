package watch

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// world is a folder with watched files, and the texts that were loaded from
// them.
type world struct {
	*testing.T
	Files
	folder  string
	loaded  []string
	reports []string
}

func newWorld(t *testing.T) *world {
	w := &world{T: t, folder: t.TempDir()}
	w.Report = func(s Status) {
		text := "fine"
		if s.Err != nil {
			text = s.Err.Error()
		}
		w.reports = append(w.reports, text)
	}
	return w
}

var errBad = errors.New("bad")

// add watches a file; the text "bad" in it is an error.
func (w *world) add(path string) {
	w.Helper()
	err := w.Add(func() error {
		text, err := os.ReadFile(path)
		switch {
		case err != nil:
			return errors.New("missing")
		case string(text) == "bad":
			return errBad
		}
		w.loaded = append(w.loaded, string(text))
		return nil
	}, path)
	if err != nil {
		w.Fatal(err)
	}
}

func (w *world) write(name, text string) string {
	w.Helper()
	path := filepath.Join(w.folder, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		w.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		w.Fatal(err)
	}
	return path
}

func (w *world) want(what string, got []string, want ...string) {
	w.Helper()
	if !slices.Equal(got, want) {
		w.Fatalf("%s: %q, want %q", what, got, want)
	}
}

func TestAFileIsLoadedWhenItHasSettled(t *testing.T) {
	w := newWorld(t)
	path := w.write("a", "one")
	w.add(path)
	w.Look()
	w.Look()
	w.want("nothing changed", w.loaded, "one")
	w.write("a", "half of t")
	w.Look()
	w.write("a", "two, whole")
	w.Look()
	w.want("it was still being written", w.loaded, "one")
	w.Look()
	w.want("it has settled", w.loaded, "one", "two, whole")
	w.Look()
	w.want("once is enough", w.loaded, "one", "two, whole")
	w.want("reports", w.reports, "fine")
}

func TestWaysToReplaceAFile(t *testing.T) {
	for name, tt := range map[string]struct {
		setUp   func(w *world) (path string)
		replace func(w *world)
	}{
		"renamed onto": {
			func(w *world) string { return w.write("a", "one") },
			func(w *world) { w.rename(w.write("a.new", "two"), "a") },
		},
		"symbolic link, as certbot": {
			func(w *world) string {
				w.write("archive/one.pem", "one")
				return w.link("archive/one.pem", "live.pem")
			},
			func(w *world) { w.write("archive/two.pem", "two"); w.relink("archive/two.pem", "live.pem") },
		},
		"folder behind a link, as Kubernetes": {
			func(w *world) string {
				w.write("..1/tls.crt", "one")
				w.link("..1", "..data")
				return w.link("..data/tls.crt", "tls.crt")
			},
			func(w *world) { w.write("..2/tls.crt", "two"); w.relink("..2", "..data") },
		},
		"same size and time": {
			func(w *world) string { return w.write("a", "one") },
			func(w *world) {
				before, err := os.Stat(filepath.Join(w.folder, "a"))
				if err != nil {
					w.Fatal(err)
				}
				other := w.write("b", "two")
				if err := os.Chtimes(other, before.ModTime(), before.ModTime()); err != nil {
					w.Fatal(err)
				}
				w.rename(other, "a")
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.add(tt.setUp(w))
			tt.replace(w)
			w.Look()
			w.Look()
			w.want("loaded", w.loaded, "one", "two")
		})
	}
}

func (w *world) rename(from, to string) {
	w.Helper()
	if err := os.Rename(from, filepath.Join(w.folder, to)); err != nil {
		w.Fatal(err)
	}
}

func (w *world) link(target, name string) string {
	w.Helper()
	path := filepath.Join(w.folder, name)
	if err := os.Symlink(target, path); err != nil {
		w.Fatal(err)
	}
	return path
}

func (w *world) relink(target, name string) {
	w.Helper()
	w.link(target, name+".new")
	w.rename(filepath.Join(w.folder, name+".new"), name)
}

func TestABrokenFileIsReportedOnceAndTriedAgain(t *testing.T) {
	w := newWorld(t)
	path := w.write("a", "one")
	w.add(path)
	w.write("a", "bad")
	for range 5 {
		w.Look()
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		w.Look()
	}
	s := w.Status()[0]
	if s.Failures != 2 || s.Err == nil || s.Loaded.IsZero() || s.Names() != path {
		t.Errorf("%+v", s)
	}
	w.write("a", "two")
	w.Look()
	w.Look()
	w.want("reports", w.reports, "bad", "missing", "fine")
	w.want("loaded", w.loaded, "one", "two")
	if s := w.Status()[0]; s.Err != nil || s.Failures != 2 {
		t.Errorf("%+v", s)
	}
}

// A load that failed for a reason outside the file is tried again, and succeeds
// without a change of the file.
func TestAnErrorThatPasses(t *testing.T) {
	w := newWorld(t)
	path := w.write("a", "one")
	broken, loads := false, 0
	err := w.Add(func() error {
		if broken {
			return errBad
		}
		loads++
		return nil
	}, path)
	if err != nil {
		t.Fatal(err)
	}
	broken = true
	w.Reload()
	broken = false
	w.Look()
	w.want("reports", w.reports, "bad", "fine")
	if loads != 2 {
		t.Errorf("%d loads", loads)
	}
}

func TestReloadWaitsForNothing(t *testing.T) {
	w := newWorld(t)
	w.add(w.write("a", "one"))
	w.write("a", "two")
	w.Reload()
	w.want("loaded", w.loaded, "one", "two")
	w.Look()
	w.want("once is enough", w.loaded, "one", "two")
}

// A load that fails because its files change meanwhile reports nothing yet.
func TestFilesThatChangeUnderALoad(t *testing.T) {
	w := newWorld(t)
	path := w.write("a", "one")
	calls := 0
	err := w.Add(func() error {
		calls++
		if calls != 2 {
			return nil
		}
		w.write("a", "three, longer")
		return errBad
	}, path)
	if err != nil {
		t.Fatal(err)
	}
	w.write("a", "two")
	for range 4 {
		w.Look()
	}
	w.want("reports", w.reports, "fine")
	if calls != 3 {
		t.Errorf("%d calls", calls)
	}
}

func TestAddFailsAsTheLoadDoes(t *testing.T) {
	var f Files
	if err := f.Add(func() error { return errBad }, "a"); !errors.Is(err, errBad) || len(f.Status()) != 0 {
		t.Errorf("%v, %v", err, f.Status())
	}
}

// Two hundred certificates have four hundred files.
func BenchmarkLookAtHundreds(b *testing.B) {
	folder := b.TempDir()
	var f Files
	for i := range 200 {
		var pair []string
		for _, name := range []string{"cert.pem", "key.pem"} {
			path := filepath.Join(folder, fmt.Sprint(i, name))
			if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
				b.Fatal(err)
			}
			pair = append(pair, path)
		}
		if err := f.Add(func() error { return nil }, pair...); err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		f.Look()
	}
}
