package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/letterlock/letterlock/internal/test/loopback"
	"github.com/letterlock/letterlock/internal/test/wait"
)

// deaf is a proxy in a process of its own, whose log goes to a file of the test.
type deaf struct {
	*exec.Cmd
	t             *testing.T
	imaps, status string
	ended         chan error
}

// newDeaf starts the process, and waits until it serves.
func newDeaf(t *testing.T, stderr *os.File) *deaf {
	t.Helper()
	d := &deaf{t: t, imaps: loopback.FreeAddress(t), status: loopback.FreeAddress(t), ended: make(chan error, 1)}
	file := filepath.Join(t.TempDir(), "letterlock.yaml")
	text := fmt.Sprintf("hostname: mail.example.com\nstate_dir: state\nprobe: false\nstatus: {listen: %q}\nlisteners: [{service: imaps, listen: %q, backend: \"127.0.0.1:9\"}]\n", d.status, d.imaps)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	d.Cmd = exec.Command(self, "serve", "--config", file)
	d.Env = append(os.Environ(), asProgram+"=1")
	d.Stderr = stderr
	if err := d.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { d.ended <- d.Wait() }()
	t.Cleanup(func() { _ = d.Process.Kill() })
	wait.Until(t, "it does not serve", func() bool {
		if len(d.ended) > 0 {
			t.Fatalf("it has ended: %v", <-d.ended)
		}
		return (&mortal{address: d.imaps}).listens() && d.metrics() != ""
	})
	return d
}

// metrics returns the metrics of the process, or nothing if it does not answer.
func (d *deaf) metrics() string {
	resp, err := http.Get("http://" + d.status + "/metrics")
	if err != nil {
		return ""
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(resp.Body)
	return string(text)
}

// lost returns the number of lines that are counted as lost for a reason.
func (d *deaf) lost(reason string) int {
	m := regexp.MustCompile(`letterlock_log_lines_lost_total\{reason="` + reason + `"\} (\d+)`).FindStringSubmatch(d.metrics())
	if m == nil {
		return -1
	}
	n, _ := strconv.Atoi(m[1])
	return n
}

// session runs a session, which writes two lines.
func (d *deaf) session() {
	d.t.Helper()
	conn, err := tls.Dial("tcp", d.imaps, &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		d.t.Fatalf("no session: %v", err)
	}
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	_, _ = io.ReadAll(conn) // until the farewell: the backend is down
	_ = conn.Close()
}

// stop ends the process as systemd does.
func (d *deaf) stop() {
	d.t.Helper()
	if err := d.Process.Signal(syscall.SIGTERM); err != nil {
		d.t.Fatal(err)
	}
	select {
	case err := <-d.ended:
		if err != nil {
			d.t.Errorf("it ends with %v", err)
		}
	case <-time.After(20 * time.Second):
		d.t.Error("it does not end")
	}
}

func pipe(t *testing.T) (read, write *os.File) {
	t.Helper()
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = read.Close(), write.Close() })
	return read, write
}

// H13: the process outlives the reader of its log, and counts what is lost.
func TestH13_ReaderGoesAway(t *testing.T) {
	t.Parallel()
	read, write := pipe(t)
	d := newDeaf(t, write)
	_ = write.Close()
	_ = read.Close()
	d.session()
	wait.Until(t, "no line is counted as lost", func() bool { return d.lost("failed") >= 2 })
	d.session()
	d.stop()
}

// fullDisk opens a file on which every write fails for want of space.
func fullDisk(t *testing.T) *os.File {
	t.Helper()
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if errors.Is(err, fs.ErrNotExist) {
		t.Skip("this system has no /dev/full, which stands for a full disk")
	}
	if err != nil {
		t.Fatal(err)
	}
	return full
}

// H13: a full disk costs lines, not sessions.
func TestH13_DiskIsFull(t *testing.T) {
	t.Parallel()
	full := fullDisk(t)
	defer full.Close()
	d := newDeaf(t, full)
	d.session()
	wait.Until(t, "no line is counted as lost", func() bool { return d.lost("failed") >= 3 })
	d.session()
	d.stop()
}

// H13: no session waits for a reader that does not read, and the end of the process
// waits only briefly.
func TestH13_ReaderHangs(t *testing.T) {
	t.Parallel()
	read, write := pipe(t)
	d := newDeaf(t, write)
	// The same pipe, opened anew: the process must see a blocking one.
	filler, err := os.OpenFile(fmt.Sprintf("/proc/self/fd/%d", read.Fd()), os.O_WRONLY|syscall.O_NONBLOCK, 0)
	if errors.Is(err, fs.ErrNotExist) {
		t.Skip("this system has no /proc, by which a pipe is opened anew")
	}
	if err != nil {
		t.Fatal(err)
	}
	defer filler.Close()
	for err == nil { // until it is full
		_ = filler.SetWriteDeadline(time.Now().Add(100 * time.Millisecond))
		_, err = filler.Write(bytes.Repeat([]byte("x"), 100))
	}
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatal(err)
	}
	for range 5 {
		d.session()
	}
	d.stop()
}

// H13: a result that is cut short is a failure. After its pipe is closed, a command
// stops writing.
func TestH13_StandardOutput(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	full := fullDisk(t)
	defer full.Close()
	read, closed := pipe(t)
	_ = read.Close()
	for name, c := range map[string]struct {
		stdout *os.File
		said   string
	}{"a full disk": {full, "the answer could not be written"}, "a closed pipe": {closed, ""}} {
		for _, args := range [][]string{{"config", "reference"}, {"config", "schema"}, {"version"}} {
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			var said bytes.Buffer
			program := exec.CommandContext(ctx, self, args...)
			program.Env, program.Stdout, program.Stderr = append(os.Environ(), asProgram+"=1"), c.stdout, &said
			err := program.Run()
			if err == nil || ctx.Err() != nil || !strings.Contains(said.String(), c.said) {
				t.Errorf("%s, %q: %v, %q", name, args, err, said.String())
			}
			cancel()
		}
	}
}
