package statefile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// names lists the files of a folder.
func names(t *testing.T, folder string) (all []string) {
	t.Helper()
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return all
}

// Replace creates the file and its folder, for their owner alone, and leaves no other
// file.
func TestReplace(t *testing.T) {
	file := filepath.Join(t.TempDir(), "state", "file.json")
	if _, err := Read(file, 9); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	for _, text := range []string{"longer", "", "short"} {
		if err := Replace(file, []byte(text)); err != nil {
			t.Fatal(err)
		}
		if got, err := Read(file, 6); err != nil || string(got) != text {
			t.Errorf("%q, %v, want %q", got, err, text)
		}
	}
	if _, err := Read(file, 4); !errors.Is(err, ErrLong) {
		t.Error(err)
	}
	for path, want := range map[string]fs.FileMode{file: 0o600, filepath.Dir(file): 0o700} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v", path, info.Mode(), err)
		}
	}
	if all := names(t, filepath.Dir(file)); len(all) != 1 {
		t.Errorf("the folder has %q", all)
	}
}

// If the file cannot be replaced, the folder stays as it was.
func TestReplaceFails(t *testing.T) {
	folder := t.TempDir()
	if err := os.MkdirAll(filepath.Join(folder, "file.json", "inside"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := Replace(filepath.Join(folder, "file.json"), []byte("text")); err == nil {
		t.Error("a folder is replaced")
	}
	if all := names(t, folder); len(all) != 1 {
		t.Errorf("the folder has %q", all)
	}
}
