package main

import (
	"bytes"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// example are round costs, so that the tests can compute the result.
func example() (costs, site) {
	c := costs{handshake: 1000, resumed: 500, idle: 10, store: map[event]storeCost{eventLogin: {2, 20}, eventInstance: {1, 10}}}
	return c, site{users: 36_000, instances: 2, cores: 1, returning: 10 * time.Second, habits: habits{Open: 1, Logins: 10}}
}

func near(t *testing.T, what string, got, want, part float64) {
	t.Helper()
	if math.Abs(got-want) > part*want {
		t.Errorf("%s is %v, want about %v", what, got, want)
	}
}

// 36,000 users with ten logins an hour make 100 logins a second, which take 0.1 s
// of two CPUs.
func TestSimulate(t *testing.T) {
	c, s := example()
	o := simulate(c, s, 1)
	near(t, "the CPU in use", o.cpu, 0.05, 0.4)
	near(t, "commands a second", o.commands, 202, 0.05)
	near(t, "the memory", o.memory, 36_000*10/float64(1<<20), 0.01)
	// 18,000 sessions come back within 10 s, 1,800 ms of work in each second of
	// one CPU, beside 100.
	near(t, "the longest wait", o.wait.Seconds(), 9, 0.1)
	near(t, "the most commands", o.peak, 2*(1800+100)+1, 0.05)
	if again := simulate(c, s, 1); again != o {
		t.Errorf("the same seed gives %+v and %+v", o, again)
	}
}

func TestSmallest(t *testing.T) {
	c, s := example()
	wide := bounds{cpu: 1, memory: 100, wait: time.Hour, sessions: 1e9}
	for name, of := range map[string]struct {
		change func(*bounds)
		want   int
	}{
		"nothing":                {func(*bounds) {}, 2},
		"memory":                 {func(b *bounds) { b.memory = 0.1 }, 5}, // four are left, with 9,000 sessions each
		"sessions":               {func(b *bounds) { b.sessions = 4000 }, 10},
		"logins after a failure": {func(b *bounds) { b.wait = time.Second }, 3},
	} {
		b := wide
		of.change(&b)
		fits, _, exceeded := smallest(c, s, b, 1)
		if fits.instances != of.want || exceeded != name && of.want > 2 {
			t.Errorf("%s: %d instances, bound by %q; want %d", name, fits.instances, exceeded, of.want)
		}
	}
}

// The measured costs are in docs, and the document has the marks.
func TestDocument(t *testing.T) {
	dir := t.TempDir()
	text, err := os.ReadFile("../../docs/scale.md")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "scale.md")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := scale([]string{"-from", "../../docs", "-users", "100000", "-write", dir}, nil); err != nil {
		t.Fatal(err)
	}
	written, err := os.ReadFile(path)
	if err != nil || !strings.Contains(string(written), "\n| 100000 | ") {
		t.Errorf("%v: the document is\n%s", err, written)
	}
	var printed bytes.Buffer
	if err := scale([]string{"-from", "../../docs", "-users", "100000"}, &printed); err != nil || !bytes.Contains(written, printed.Bytes()) {
		t.Errorf("%v: what is printed differs from what is written:\n%s", err, printed.String())
	}
}
