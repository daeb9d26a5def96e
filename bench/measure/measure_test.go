//go:build linux

package measure

import (
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

func TestParseStat(t *testing.T) {
	const stat = "42 (a (nasty) name) S 7 42 42 0 -1 4194560 1 2 3 4 10 20 30 40 20 0 1 0 100 0 0\n"
	p, err := parseStat(42, []byte(stat))
	if err != nil || p.pid != 42 || p.parent != 7 || p.cpu != time.Second {
		t.Errorf("%+v, %v", p, err)
	}
	for _, broken := range []string{"", "42 (a) S 7 1", strings.Replace(stat, " 30 ", " x ", 1), strings.Replace(stat, " 7 ", " x ", 1)} {
		if p, err := parseStat(42, []byte(broken)); err == nil {
			t.Errorf("%q is %+v", broken, p)
		}
	}
}

func TestParsePSS(t *testing.T) {
	pss, err := parsePSS([]byte("55d0-7ffd ---p 00000000 00:00 0 [rollup]\nRss:    200 kB\nPss:    123 kB\nPss_Anon:  1 kB\n"))
	if err != nil || pss != 123<<10 {
		t.Errorf("%d, %v", pss, err)
	}
	for _, broken := range []string{"Rss: 1 kB\n", "Pss: many kB\n"} {
		if pss, err := parsePSS([]byte(broken)); err == nil {
			t.Errorf("%q is %d", broken, pss)
		}
	}
}

// child starts a process that waits.
func child(t *testing.T) int {
	t.Helper()
	cmd := exec.Command("cat")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = in.Close(), cmd.Wait() })
	return cmd.Process.Pid
}

func TestTree(t *testing.T) {
	pid := child(t)
	all, err := tree([]int{os.Getpid()})
	if err != nil {
		t.Fatal(err)
	}
	found := make(map[int]int)
	for _, p := range all {
		found[p.pid]++
	}
	if found[pid] != 1 || found[os.Getpid()] != 1 {
		t.Errorf("%d and its child %d must be in %v once each", os.Getpid(), pid, all)
	}
}

func TestMemoryOfATree(t *testing.T) {
	alone, err := Memory([]int{child(t)})
	if err != nil || alone <= 0 {
		t.Fatalf("%d, %v", alone, err)
	}
	whole, err := Memory([]int{os.Getpid()})
	if err != nil || whole <= alone {
		t.Errorf("%d, %v; its child has %d", whole, err, alone)
	}
}

func TestCPUCountsChildrenThatHaveEnded(t *testing.T) {
	before, err := CPU([]int{os.Getpid()})
	if err != nil {
		t.Fatal(err)
	}
	// The work takes some ticks on any machine.
	for after := before; after < before+5*tick; {
		if out, err := exec.Command("sh", "-c", "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done").CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		if after, err = CPU([]int{os.Getpid()}); err != nil {
			t.Fatal(err)
		}
	}
	if settled, err := Settled([]int{child(t)}); err != nil || settled > tick {
		t.Errorf("a waiting process has used %v, %v", settled, err)
	}
}

func TestOneIsMissing(t *testing.T) {
	const nobody = 1 << 30
	if cpu, err := CPU([]int{os.Getpid(), nobody}); err == nil {
		t.Errorf("%v, and no error", cpu)
	}
	if memory, err := Memory([]int{nobody}); err == nil {
		t.Errorf("%v, and no error", memory)
	}
}
