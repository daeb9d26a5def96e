package inventory_test

import (
	"bufio"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"github.com/letterlock/letterlock/internal/inventory"
	"github.com/letterlock/letterlock/internal/statefile"
)

// TestFileSurvivesKill kills a writing process at any moment: the file holds
// all records that the process has reported as written.
func TestFileSurvivesKill(t *testing.T) {
	file := filepath.Join(t.TempDir(), "inventory.db")
	for round := range 5 {
		child := exec.Command(os.Args[0])
		child.Env = append(os.Environ(), asWriter+"="+file)
		out, err := child.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		written := -1
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			if written, err = strconv.Atoi(lines.Text()); err != nil {
				t.Fatal(err)
			}
			if written == 3*round+3 {
				if err := child.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
		}
		_ = child.Wait()
		users := map[string]bool{}
		for _, e := range read(t, file).Entries {
			users[e.User] = true
		}
		for i := range 50 * (written + 1) {
			if !users["user"+strconv.Itoa(i)] {
				t.Fatalf("round %d: user%d of %d is missing", round, i, 50*(written+1))
			}
		}
	}
}

// While another process has locked the file, records are merged, and then
// counted as lost. Record never waits for the file.
func TestLockedFileLosesNoCount(t *testing.T) {
	const tried = 30_000 // more than a write and the pending entries can hold
	file := filepath.Join(t.TempDir(), "inventory.db")
	keep(t, inventory.Options{File: file}, func(*inventory.Keeper) {})
	db, err := bbolt.Open(file, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	keep(t, inventory.Options{File: file}, func(k *inventory.Keeper) {
		for n := range tried {
			k.Record(session("user"+strconv.Itoa(n), "192.0.2.1"))
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	})
	all := read(t, file)
	counted := all.Lost
	for _, e := range all.Entries {
		counted += e.Count
	}
	if counted != tried || all.Lost == 0 {
		t.Errorf("%d lost, %d of %d in all", all.Lost, counted, tried)
	}
}

// Three readers read after each write. Each gets the file as it was before or
// after that write, and the write succeeds.
func TestReadersAndWriterLiveTogether(t *testing.T) {
	file := filepath.Join(t.TempDir(), "inventory.db")
	keep(t, inventory.Options{File: file}, func(*inventory.Keeper) {})
	for part := range 20 {
		var readers sync.WaitGroup
		for range 3 {
			readers.Go(func() {
				all, err := inventory.Read(file, month, time.Now())
				if n := len(all.Entries); err != nil || n != 100*part && n != 100*(part+1) {
					t.Errorf("%d entries in part %d, %v", n, part, err)
				}
			})
		}
		keep(t, inventory.Options{File: file}, func(k *inventory.Keeper) {
			for i := range 100 {
				k.Record(session("user"+strconv.Itoa(100*part+i), "192.0.2.1"))
			}
		})
		readers.Wait()
	}
	if n := len(read(t, file).Entries); n != 2000 {
		t.Errorf("%d entries", n)
	}
}

// A damaged file is renamed, and a new one created.
func TestDamagedFileIsPutAside(t *testing.T) {
	for name, damage := range map[string]func(whole []byte) []byte{
		"text":      func([]byte) []byte { return []byte(strings.Repeat("not an inventory\n", 1000)) },
		"cut short": func(whole []byte) []byte { return whole[:5*os.Getpagesize()] },
		"two pages": func(whole []byte) []byte { return whole[:2*os.Getpagesize()] },
		"zeros behind": func(whole []byte) []byte {
			clear(whole[2*os.Getpagesize():])
			return whole
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			many := func(k *inventory.Keeper) {
				for i := range 900 {
					k.Record(session("user"+strconv.Itoa(i), "192.0.2.1"))
				}
			}
			file := keep(t, inventory.Options{}, many)
			whole, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, damage(whole), 0o600); err != nil {
				t.Fatal(err)
			}
			if all, err := inventory.Read(file, month, time.Now()); err == nil && len(all.Entries) == 900 {
				t.Errorf("a damaged file is read")
			}
			reports := make(chan error, 10)
			k := inventory.Keep(inventory.Options{File: file, Entries: 1000, Age: month, Report: func(err error) { reports <- err }})
			many(k)
			for _, want := range []error{statefile.ErrDamaged, nil} {
				select {
				case err := <-reports:
					if !errors.Is(err, want) {
						t.Errorf("reported %v, not %v", err, want)
					}
				case <-time.After(20 * time.Second):
					t.Fatalf("%v is not reported", want)
				}
			}
			k.Close()
			if n := len(read(t, file).Entries); n != 900 {
				t.Errorf("%d entries", n)
			}
			if _, err := os.Stat(file + ".damaged"); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestNoFileIsNoInventory(t *testing.T) {
	_, err := inventory.Read(filepath.Join(t.TempDir(), "inventory.db"), month, time.Now())
	if !errors.Is(err, inventory.ErrNone) {
		t.Error(err)
	}
}
