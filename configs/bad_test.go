package configs

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write down anew what broken files are answered with")

// testMachine reads the files themselves, but has a fixed hostname.
func testMachine() Machine {
	m := Here()
	m.Hostname = Elsewhere("mail.example.com").Hostname
	m.Now = func() time.Time { return time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC) }
	return m
}

// TestBadFiles loads each file in testdata/bad, and compares the errors with
// the .error file beside it. Run with -update to write the .error files, and
// read the diff.
func TestBadFiles(t *testing.T) {
	files, err := filepath.Glob("testdata/bad/*.yaml")
	if err != nil || len(files) < 25 {
		t.Fatalf("%d broken files, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".yaml"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			_, err = testMachine().Parse(filepath.Base(file), text)
			var all Errors
			if !errors.As(err, &all) {
				t.Fatalf("no Errors but %v", err)
			}
			compare(t, strings.TrimSuffix(file, ".yaml")+".error", all.Error()+"\n")
		})
	}
}

func compare(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("answered with\n%s\nnot with\n%s", got, want)
	}
}
