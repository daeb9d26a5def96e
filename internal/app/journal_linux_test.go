package app

import (
	"fmt"
	"os"
	"syscall"
	"testing"

	"github.com/letterlock/letterlock/configs"
)

// Under systemd's journal lines have no header, and anywhere else they do, but
// for what is configured.
func TestHeaderOfTheLog(t *testing.T) {
	t.Parallel()
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = read.Close(), write.Close() })
	info, err := write.Stat()
	if err != nil {
		t.Fatal(err)
	}
	at := info.Sys().(*syscall.Stat_t)
	for stream, want := range map[string]bool{
		fmt.Sprintf("%d:%d", at.Dev, at.Ino): true, fmt.Sprintf("%d:%d", at.Dev, at.Ino+1): false, "": false, "journal": false,
	} {
		if got := isJournal(write, stream); got != want {
			t.Errorf("JOURNAL_STREAM=%s: %v", stream, got)
		}
	}
	l := configs.Default().Log
	for header, want := range map[string]bool{"auto": true, "always": true, "never": false} {
		if l.Header = header; logOptions(l).Header != want {
			t.Errorf("%s: %v", header, !want)
		}
	}
}
