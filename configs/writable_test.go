package configs

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"
)

// A state folder that cannot be written is reported before the start.
func TestStateDirThatCannotBeWritten(t *testing.T) {
	m := Elsewhere("mail.example.com")
	m.Writable = func(folder string) error { return errors.New(folder + " cannot be written: permission denied") }
	c, err := m.Parse("f.yaml", []byte(quiet+"state_dir: /state\nlisteners: [{service: imaps, backend: b}]\n"))
	if err != nil {
		t.Fatal(err)
	}
	all := Warnings(c)
	if len(all) != 1 || all[0].Place() != "f.yaml:3:12" || !strings.Contains(all[0].Problem, "/state cannot be written: permission denied") ||
		!strings.Contains(all[0].Remedy, "-o USER /state") {
		t.Errorf("%v", all)
	}
}

func TestWritable(t *testing.T) {
	folder := t.TempDir()
	for _, path := range []string{folder, filepath.Join(folder, "not", "there", "yet")} {
		if err := writable(path); err != nil {
			t.Error(err)
		}
	}
	// No user can create folders there, root included.
	if err := writable("/proc/sys/nothing/state"); err == nil || !strings.Contains(err.Error(), "/proc/sys cannot be written: ") {
		t.Errorf("%v", err)
	}
}
