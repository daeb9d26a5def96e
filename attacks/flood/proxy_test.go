//go:build linux

package flood

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/letterlock/letterlock/internal/test/loopback"
	"github.com/letterlock/letterlock/internal/test/wait"
)

// program is the proxy: the real program, built for the test, with its default
// settings.
type program struct {
	t         *testing.T
	process   *exec.Cmd
	folder    string
	status    string
	addresses map[string]string // of listeners, by service or by service and kind of hostile backend
}

var listening = regexp.MustCompile(`msg=listening service=(\S+) address=(\S+)`)

// start builds and starts the proxy, in front of honest and hostile servers.
func start(t *testing.T, honest, hostile map[string]string) *program {
	t.Helper()
	p := &program{t: t, folder: t.TempDir(), status: loopback.FreeAddress(t), addresses: map[string]string{}}
	binary := filepath.Join(p.folder, "letterlock")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "../../cmd/letterlock").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	text, names := p.configuration(honest, hostile)
	for name, content := range map[string]string{"letterlock.yaml": text, "log": ""} {
		if err := os.WriteFile(filepath.Join(p.folder, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"spool", "state"} {
		if err := os.Mkdir(filepath.Join(p.folder, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	log, err := os.OpenFile(filepath.Join(p.folder, "log"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = log.Close() }()
	p.process = exec.CommandContext(t.Context(), binary, "serve", "--config", filepath.Join(p.folder, "letterlock.yaml"))
	p.process.Stderr = log
	p.process.Env = append(os.Environ(), "TMPDIR="+filepath.Join(p.folder, "spool"))
	if err := p.process.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.process.Process.Kill(); _ = p.process.Wait() })
	var lines [][]string
	if !wait.Happens(func() bool { lines = listening.FindAllStringSubmatch(p.log(), -1); return len(lines) == len(names) }) {
		t.Fatalf("the proxy does not listen:\n%s", p.log())
	}
	for i, line := range lines {
		p.addresses[names[i]] = line[2]
	}
	return p
}

// configuration returns the configuration file, and names for its listeners in
// their order.
func (p *program) configuration(honest, hostile map[string]string) (text string, names []string) {
	var b strings.Builder
	fmt.Fprintf(&b, "hostname: %s\nstate_dir: %s/state\nprobe: false\nstatus: {listen: %q}\n", hostname, p.folder, p.status)
	// The proxy waits for the reply to a complete message even after its client
	// has closed the connection: here for less than the default of ten minutes.
	b.WriteString("timeouts: {end_of_data: 10s}\n")
	fmt.Fprintf(&b, "smarthost:\n  resolvers: [%q]\n  mta_sts: false\n  level: none\n  destinations:\n", "127.0.0.1:1")
	fmt.Fprintf(&b, "  - {domains: [good.example], next_hop: %q}\n", nextHop(honest["smtp"]))
	for _, k := range kinds {
		if k.server == "next hop" {
			fmt.Fprintf(&b, "  - {domains: [%s.example], next_hop: %q}\n", k.name, nextHop(hostile["smtp "+k.name]))
		}
	}
	b.WriteString("listeners:\n")
	add := func(name, service, backend string) {
		names = append(names, name)
		fmt.Fprintf(&b, "- {service: %s, listen: \"%s:0\"", service, loopback.Host())
		if service != "smarthost" {
			fmt.Fprintf(&b, ", backend: %q", backend)
		}
		if service == "smtp" {
			b.WriteString(", recipients: [example.com], reverse_dns: false")
		}
		b.WriteString("}\n")
	}
	for _, service := range services {
		add(service, service, honest[protocols[service]])
	}
	for _, k := range kinds {
		for _, service := range services[:len(services)-1] {
			if k.server == "backend" {
				add(service+" "+k.name, service, hostile[protocols[service]+" "+k.name])
			}
		}
	}
	return b.String(), names
}

// nextHop returns an address as a destination of the smarthost.
func nextHop(address string) string {
	host, port, _ := net.SplitHostPort(address)
	return "[" + host + "]:" + port
}

func (p *program) log() string {
	text, _ := os.ReadFile(filepath.Join(p.folder, "log"))
	return string(text)
}

// usage holds the proxy's resources, as the system counts them.
type usage struct {
	Descriptors, Goroutines, Sessions int
	Memory, Disk, Log                 int64 // bytes
}

// measure reads the current usage.
func (p *program) measure() usage {
	proc := fmt.Sprintf("/proc/%d/", p.process.Process.Pid)
	open, _ := os.ReadDir(proc + "fd")
	u := usage{Descriptors: len(open), Disk: size(p.folder+"/spool") + size(p.folder+"/state"), Log: size(p.folder + "/log")}
	status, _ := os.ReadFile(proc + "status")
	if _, behind, found := strings.Cut(string(status), "VmRSS:"); found {
		u.Memory, _ = strconv.ParseInt(strings.Fields(behind)[0], 10, 64)
		u.Memory *= 1 << 10
	}
	metrics := p.metrics()
	u.Goroutines, u.Sessions = int(sum(metrics, "go_goroutines")), int(sum(metrics, "letterlock_sessions_open"))
	return u
}

func (p *program) metrics() string { return p.page("/metrics") }

// openSessions describes the open sessions.
func (p *program) openSessions() string {
	var status struct {
		Open json.RawMessage `json:"open"`
	}
	_ = json.Unmarshal([]byte(p.page("/status.json")), &status)
	return string(status.Open[:min(len(status.Open), 4<<10)])
}

// page fetches a page of the status listener.
func (p *program) page(path string) string {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.status+path, nil)
	if err != nil {
		return ""
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return ""
	}
	defer func() { _ = answer.Body.Close() }()
	text, _ := io.ReadAll(answer.Body)
	return string(text)
}

// sum adds the values of a metric over all its labels.
func sum(metrics, name string) (all float64) {
	for line := range strings.Lines(metrics) {
		if behind, found := strings.CutPrefix(line, name); found && (behind[0] == ' ' || behind[0] == '{') {
			fields := strings.Fields(behind)
			n, _ := strconv.ParseFloat(fields[len(fields)-1], 64)
			all += n
		}
	}
	return all
}

// size returns the size of all files under a path, in bytes.
func size(path string) (all int64) {
	_ = filepath.WalkDir(path, func(_ string, entry fs.DirEntry, err error) error {
		if err == nil && entry.Type().IsRegular() {
			if info, err := entry.Info(); err == nil {
				all += info.Size()
			}
		}
		return nil
	})
	return all
}

// watcher keeps the peak of each resource of the proxy.
type watcher struct {
	program *program
	mu      sync.Mutex
	peak    usage
	cancel  context.CancelFunc
	ended   chan struct{}
}

func (p *program) watch() *watcher {
	ctx, cancel := context.WithCancel(context.Background())
	w := &watcher{program: p, cancel: cancel, ended: make(chan struct{})}
	go func() {
		defer close(w.ended)
		for tick := time.NewTicker(500 * time.Millisecond); ; {
			w.note(p.measure())
			select {
			case <-ctx.Done():
				tick.Stop()
				return
			case <-tick.C:
			}
		}
	}()
	return w
}

func (w *watcher) note(u usage) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.peak = usage{
		max(u.Descriptors, w.peak.Descriptors), max(u.Goroutines, w.peak.Goroutines), max(u.Sessions, w.peak.Sessions),
		max(u.Memory, w.peak.Memory), max(u.Disk, w.peak.Disk), max(u.Log, w.peak.Log),
	}
}

// stop ends the watcher and returns the peak.
func (w *watcher) stop() usage {
	w.cancel()
	<-w.ended
	return w.peak
}
