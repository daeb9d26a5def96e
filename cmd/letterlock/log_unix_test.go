//go:build unix

package main

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/letterlock/letterlock/internal/test/wait"
)

// H13: when the log can be written again, it has the number of lost lines.
func TestH13_ReaderComesBack(t *testing.T) {
	t.Parallel()
	fifo := filepath.Join(t.TempDir(), "log")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	reader := func() *os.File {
		t.Helper()
		f, err := os.OpenFile(fifo, os.O_RDONLY|syscall.O_NONBLOCK, 0)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = f.Close() })
		_ = f.SetReadDeadline(time.Now().Add(20 * time.Second))
		return f
	}
	first := reader()
	write, err := os.OpenFile(fifo, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	d := newDeaf(t, write)
	_ = write.Close()
	_ = first.Close()
	d.session()
	wait.Until(t, "no line is counted as lost", func() bool { return d.lost("failed") >= 2 })
	lines := bufio.NewScanner(reader())
	lost := d.lost("failed")
	d.session()
	want := fmt.Sprintf(`level=ERROR msg="log lines were lost" lines=%d error=`, lost)
	for lines.Scan() {
		if strings.Contains(lines.Text(), want) {
			d.stop()
			return
		}
	}
	t.Errorf("no %q", want)
}
