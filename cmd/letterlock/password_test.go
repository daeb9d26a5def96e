package main

import (
	"bytes"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/letterlock/letterlock/internal/devices"
)

// The line is for the file, and the password for the administrator alone.
func TestPassword(t *testing.T) {
	status, line, said := words("password", "scanner")
	if status != exitOK || !strings.HasPrefix(line, "scanner:$argon2id$v=19$m=19456,t=2,p=1$") || strings.Count(line, "\n") != 1 ||
		!regexp.MustCompile(`^letterlock: the password of scanner is [A-Z2-7]{26}\n$`).MatchString(said) {
		t.Errorf("%d %q %q", status, line, said)
	}
	file := filepath.Join(t.TempDir(), "passwords")
	if err := os.WriteFile(file, []byte(line), 0o600); err != nil {
		t.Fatal(err)
	}
	p := devices.NewPasswords(file)
	if err := p.Load(); err != nil || !p.Has("scanner") {
		t.Fatal(err)
	}
	table := devices.New([]*devices.Device{{Name: "scanner", Login: true}}, p, nil)
	word := strings.TrimSpace(said[strings.LastIndex(said, " "):])
	if d, err := table.LogIn(t.Context(), netip.IPv6Loopback(), "scanner", word); err != nil || d.Name != "scanner" {
		t.Error("the printed password does not fit the line", err)
	}
}

func TestPasswordFromStandardInput(t *testing.T) {
	for input, want := range map[string]int{"correct horse battery\nmore\n": exitOK, "correct horse battery": exitOK, "short\n": exitFailed, "": exitFailed} {
		var out, said bytes.Buffer
		u := newUI(&out, &said)
		u.in = strings.NewReader(input)
		if status := run([]string{"password", "erp", "--stdin"}, u); status != want || (out.Len() > 0) != (want == exitOK) || strings.Contains(out.String()+said.String(), "horse") {
			t.Errorf("%q: %d %q %q", input, status, out.String(), said.String())
		}
	}
	for _, args := range [][]string{{"password"}, {"password", "two words"}, {"password", "a:b"}, {"password", "a", "b"}} {
		if status, _, _ := words(args...); status != exitUsage {
			t.Errorf("%q: %d", args, status)
		}
	}
}
