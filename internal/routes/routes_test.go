package routes

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write down anew what files are answered with")

func known(target string) error {
	if slices.Contains([]string{"cyrus", "dovecot", "10.0.0.7:143"}, target) {
		return nil
	}
	return fmt.Errorf("there is no backend named %s", target)
}

// Each file in testdata is answered with what stands in the file beside it:
// where some users are, or what is wrong.
func TestFiles(t *testing.T) {
	files, err := filepath.Glob("testdata/*.routes")
	if err != nil || len(files) < 3 {
		t.Fatalf("%v, %v", files, err)
	}
	users := []string{
		"alice@example.com", "ALICE@Example.COM", "alice", "bob", "carol@example.org", "a@b@Example.ORG", "test17", "test17@example.org",
		"Test", "o'hara nell", "nobody", "müller@example.org", "",
		"alice@xn--bcher-kva.example", "Alice@BÜCHER.example", "bob@bücher.example.", "x@xn--strae-oqa.example", "x@straße.example", "x@grün.example",
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			table, err := Load(file, known)
			var got strings.Builder
			if err != nil {
				fmt.Fprintln(&got, strings.ReplaceAll(err.Error(), "; ", "\n"))
			} else {
				for _, user := range users {
					target, ok := table.Find(user)
					fmt.Fprintf(&got, "%-20s %s %t\n", user, target, ok)
				}
				fmt.Fprintln(&got, table.Targets())
			}
			golden := strings.TrimSuffix(file, ".routes") + ".answer"
			if *update {
				if err := os.WriteFile(golden, []byte(got.String()), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil || got.String() != string(want) {
				t.Errorf("%v\n%s", err, got.String())
			}
		})
	}
}

func TestBounds(t *testing.T) {
	if _, err := Parse("f", strings.Repeat("x\n", 100), known); err == nil || len(err.(Errors)) != maxErrors {
		t.Errorf("%v", err)
	}
	var all Errors
	if _, err := Parse("f", strings.Repeat("#", maxFile+1), known); !errors.As(err, &all) || all[0].Line != 0 {
		t.Errorf("%v", err)
	}
	if _, err := Load(filepath.Join(t.TempDir(), "none"), known); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%v", err)
	}
	table, err := Parse("f", "", known)
	if _, ok := table.Find("alice"); ok || err != nil {
		t.Errorf("%v", err)
	}
}

func FuzzParse(f *testing.F) {
	for _, text := range []string{"a b\n", "@a b", "/a b/ c", "* c\n* c", "# x\n\t@\x00 c", "/(/ c"} {
		f.Add(text, "a@b")
	}
	f.Fuzz(func(t *testing.T, text, user string) {
		table, err := Parse("f", text, func(string) error { return nil })
		if err != nil {
			return
		}
		if target, ok := table.Find(user); ok && target != Reject && !slices.Contains(table.Targets(), target) {
			t.Errorf("%q is at %q", user, target)
		}
	})
}
