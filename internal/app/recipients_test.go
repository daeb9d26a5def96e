package app

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/letterlock/letterlock/internal/test/wait"
)

func TestRecipientsFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "recipients")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	log := &wait.Log{}
	u := newMaintenance(slog.New(slog.NewTextHandler(log, nil)))
	l := recipientSettings{known: true, listed: []string{"listed.example"}, file: path}

	if _, err := u.recipients(l); err == nil {
		t.Error("a missing file is no error")
	}
	write("a.example # first\n")
	takes, err := u.recipients(l)
	if err != nil {
		t.Fatal(err)
	}
	expect := func(want map[string]bool) {
		t.Helper()
		for address, want := range want {
			if got := takes(address); got != want {
				t.Errorf("%s: %v", address, got)
			}
		}
	}
	expect(map[string]bool{"x@listed.example": true, "x@a.example": true, "x@b.example": false})

	write("b.example\n")
	u.files.Reload()
	expect(map[string]bool{"x@listed.example": true, "x@a.example": false, "x@b.example": true})

	// A file that cannot be used changes nothing.
	for _, broken := range []string{"", "not a domain\n"} {
		write(broken)
		u.files.Reload()
		expect(map[string]bool{"x@listed.example": true, "x@b.example": true})
	}
	if text := log.String(); !strings.Contains(text, "recipients replaced") || !strings.Contains(text, "recipients:1") {
		t.Errorf("unexpected log:\n%s", text)
	}
}
