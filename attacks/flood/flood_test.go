//go:build linux

package flood

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/letterlock/letterlock/internal/test/loopback"
	"github.com/letterlock/letterlock/internal/test/wait"
)

var full = flag.Bool("full", false, "ten thousand hostile sessions of each kind, and the times of honest ones")

func TestMain(m *testing.M) {
	if hostileProcess() {
		return
	}
	flag.Parse()
	os.Exit(m.Run())
}

// The bounds of the proxy's resources under a flood, in its default configuration.
const (
	maxDescriptors = 16_000 // two for each session; limits.unauthenticated allows 4000 sessions without a login
	maxGoroutines  = 12_000
	maxMemory      = 600 << 20
	maxDisk        = 64 << 20
	maxLog         = 64 << 20 // of all kinds together
	maxSlower      = 3        // the maximum ratio of the 99th percentiles with and without a flood
)

// sizes returns the number of sessions, which depends on -full. All processes of
// the test share the processors, so the rate and the pace of a hostile server
// leave time for the honest sessions; otherwise their times would show how busy
// the machine is, and not what the proxy does.
func sizes() (sessions, rate int, hold, calm time.Duration) {
	if *full {
		return 10_000, 300, 20 * time.Second, 4 * time.Second
	}
	return 100, 200, time.Second, 0
}

// world is the proxy with honest servers, and a process with hostile ones.
type world struct {
	*program
	t       *testing.T
	servers map[string]*server
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, servers: map[string]*server{}}
	honest := map[string]string{}
	for _, protocol := range protocols {
		if w.servers[protocol] != nil {
			continue
		}
		l := loopback.Listen(t)
		w.servers[protocol] = &server{protocol: protocol}
		honest[protocol] = l.Addr().String()
		go w.servers[protocol].serve(l)
	}
	w.program = start(t, honest, w.hostileServers())
	return w
}

// hostileServers starts the process of the hostile servers, which ends with the
// test.
func (w *world) hostileServers() (addresses map[string]string) {
	w.t.Helper()
	process := w.hostile("servers")
	in, err := process.StdinPipe()
	if err != nil {
		w.t.Fatal(err)
	}
	out, err := process.StdoutPipe()
	if err != nil {
		w.t.Fatal(err)
	}
	if err := process.Start(); err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = in.Close(); _ = process.Wait() })
	if err := json.NewDecoder(out).Decode(&addresses); err != nil {
		w.t.Fatal(err)
	}
	return addresses
}

// hostile is a process that is not started yet. Where times are compared, it gets
// the processor only when nothing else wants it: it stands for other machines.
func (w *world) hostile(what string) *exec.Cmd {
	w.t.Helper()
	self, err := os.Executable()
	if err != nil {
		w.t.Fatal(err)
	}
	priority := []string{"nice", "-n", "10"}
	if *full {
		priority = []string{"chrt", "--idle", "0"}
	}
	process := exec.CommandContext(w.t.Context(), priority[0], append(priority[1:], self)...)
	process.Env = append(os.Environ(), asHostile+"="+what)
	process.Stderr = os.Stderr
	process.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return process
}

// flood runs the hostile sessions of one kind.
func (w *world) flood(k kind) (r report) {
	w.t.Helper()
	sessions, rate, hold, _ := sizes()
	order, err := json.Marshal(job{Kind: k.String(), Sessions: sessions, Rate: rate, Open: 9000, Hold: hold, Addresses: w.addresses})
	if err != nil {
		w.t.Fatal(err)
	}
	process := w.hostile("clients")
	process.Stdin = bytes.NewReader(order)
	out, err := process.Output()
	if err == nil {
		err = json.Unmarshal(out, &r)
	}
	if err != nil {
		w.t.Fatal(err)
	}
	return r
}

// TestFlood runs each kind of hostile sessions at the same time as honest ones.
// Before each kind, honest sessions run alone for a while. The times of all
// these are compared with those during the flood.
func TestFlood(t *testing.T) {
	if testing.Short() {
		t.Skip("NOT RUN with -short: floods, which take minutes")
	}
	w := newWorld(t)
	_, _, _, alone := sizes()
	calm, beside := w.newHonest(), map[string]*honest{}
	for _, k := range kinds {
		calm.runFor(alone)
		t.Run(k.String(), func(t *testing.T) { beside[k.String()] = w.beside(t, k) })
	}
	served(t, calm)
	for name, h := range beside {
		if *full {
			t.Run("times/"+name, func(t *testing.T) { compare(t, h, calm) })
		}
	}
	if n := size(w.folder + "/log"); n > maxLog {
		t.Errorf("the log has %d MiB", n>>20)
	}
}

// served fails the test unless the proxy has served every honest session.
func served(t *testing.T, h *honest) {
	t.Helper()
	for i, failure := range h.failures {
		if i < 5 {
			t.Error(failure)
		}
	}
	if n := len(h.failures); n > 0 {
		t.Errorf("%d of %d honest sessions were not served", n, h.sessions())
	}
}

// beside runs honest sessions and those of one kind of hostile ones.
func (w *world) beside(t *testing.T, k kind) *honest {
	watch := w.watch()
	before := w.measure()
	ctx, cancel := context.WithCancel(context.Background())
	h, over := w.newHonest(), make(chan struct{})
	go func() {
		defer close(over)
		h.run(ctx)
	}()
	r := w.flood(k)
	cancel()
	<-over
	peak := watch.stop()
	served(t, h)
	bounded(t, peak)
	reached, refused := total(r.Reached), total(r.Refused)
	t.Logf("%d hostile sessions, %d at once, %d reached their step, %d did not (%s); %d honest ones; peak: %+v", r.Begun, r.Open, reached, refused, r.Error, h.sessions(), peak)
	if reached < r.Begun/2 {
		t.Errorf("only %d hostile sessions of %d reached their step", reached, r.Begun)
	}
	for _, at := range k.rows() {
		if r.Reached[at.String()] == 0 {
			t.Errorf("no hostile session reached %s", at)
		}
	}
	w.settles(t, before)
	return h
}

func total(counts map[string]int) (all int) {
	for _, n := range counts {
		all += n
	}
	return all
}

// compare fails the test if honest sessions take too long during the flood.
func compare(t *testing.T, h, calm *honest) {
	t.Helper()
	for _, service := range services {
		if len(calm.times[service]) < 100 || len(h.times[service]) < 100 {
			t.Errorf("%s: %d and %d sessions are too few to compare", service, len(h.times[service]), len(calm.times[service]))
			continue
		}
		then, now := calm.percentile(service, 99), h.percentile(service, 99)
		t.Logf("%-12s p99 %s, without the flood %s", service, now.Round(time.Millisecond), then.Round(time.Millisecond))
		if now > maxSlower*then {
			t.Errorf("%s: 99 of 100 sessions take %s, without the flood %s", service, now, then)
		}
	}
}

// bounded fails the test if the proxy has used more resources than allowed.
func bounded(t *testing.T, u usage) {
	t.Helper()
	for _, b := range []struct {
		name     string
		got, max int64
	}{
		{"descriptors", int64(u.Descriptors), maxDescriptors}, {"goroutines", int64(u.Goroutines), maxGoroutines},
		{"bytes of memory", u.Memory, maxMemory}, {"bytes on the disk", u.Disk, maxDisk},
	} {
		if b.got > b.max {
			t.Errorf("%d %s, and the maximum is %d", b.got, b.name, b.max)
		}
	}
}

// settles waits until the proxy has released everything after the flood.
func (w *world) settles(t *testing.T, before usage) {
	t.Helper()
	const kept = 100 // workers, idle connections of the status page
	var now usage
	if !wait.Happens(func() bool {
		now = w.measure()
		return now.Sessions == 0 && now.Descriptors <= before.Descriptors+kept && now.Goroutines <= before.Goroutines+kept
	}) {
		t.Errorf("the proxy keeps %+v; before the flood it had %+v; open: %s", now, before, w.openSessions())
	}
}
