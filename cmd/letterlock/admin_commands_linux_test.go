package main

import (
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/letterlock/letterlock/internal/admin"
	"github.com/letterlock/letterlock/internal/test/wait"
)

const administeredText = `
hostname: mail.example.com
probe: false
certificates: [{cert: cert.pem, key: key.pem}]
admin: {profile: true}
limits: {login_failures_per_user: 2}
timeouts: {login_delay: 0s}
listeners: [{service: imaps, listen: "{host}:0", backend: "{imap}"}]
`

// The commands find the running proxy by its configuration, and show and change it.
func TestAdministratorsCommands(t *testing.T) {
	f := newFolder(t)
	f.configure(administeredText)
	i := newInstance(t, f.file())
	socket := filepath.Join(f.path, "state", "admin.sock")
	wait.Until(t, "there is no socket", func() bool { _, err := os.Stat(socket); return err == nil })
	run := func(status int, args ...string) string {
		t.Helper()
		got, out, said := words(append(args, "--config", f.file())...)
		if got != status {
			t.Errorf("%s: %d\n%s%s", args, got, out, said)
		}
		return out + said
	}
	wants := func(out string, wants ...string) {
		t.Helper()
		for _, want := range wants {
			if !strings.Contains(out, want) {
				t.Errorf("no %q in\n%s", want, out)
			}
		}
	}
	w := &upgradable{folder: f}
	c, err := w.converse(i.address, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.conn.Close() })
	if err := c.ask("a LOGIN demo demo", "a OK"); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := w.session(i.address, "a LOGIN demo2 wrong -> a NO"); err != nil {
			t.Fatal(err)
		}
	}
	wait.Until(t, "the session is not relayed", func() bool { return strings.Contains(run(exitOK, "sessions", "--user", "demo"), "relaying") })
	wants(run(exitOK, "sessions", "--user", "DEMO", "--tls", "1.3"), "SESSION", "imaps", "demo", "TLSv1.3", "strict", "1 session\n")
	wants(run(exitOK, "sessions", "--service", "pop3s"), "0 sessions\n")
	var all admin.Sessions
	if err := json.Unmarshal([]byte(run(exitOK, "sessions", "--json", "--user", "demo")), &all); err != nil || len(all.Sessions) != 1 || all.Sessions[0].User != "demo" {
		t.Errorf("%+v, %v", all, err)
	}
	wants(run(exitUsage, "kick"), "it needs a flag that selects sessions")
	wants(run(exitFailed, "kick", "--client", "alice"), "neither an address nor a network")
	wants(run(exitOK, "failures"), "demo2", "2 of 2", "refused for")
	wants(run(exitOK, "explain", "demo2"), "user demo2\n", "for a wrong password", "refused until", "-> ")
	wants(run(exitOK, "explain", "demo"), "is connected since", "relaying")
	wants(run(exitUsage, "explain"), "it takes the name of a user")
	wants(run(exitOK, "failures", "forget", "--user", "demo2"), "1 count forgotten")
	wants(run(exitUsage, "failures", "forget"), "it needs --user or --client")
	wants(run(exitOK, "backends", "drain", f.backends.IMAP()), f.backends.IMAP(), "drained")
	wants(run(exitOK, "backends", "resume", f.backends.IMAP()), "up")
	wants(run(exitOK, "backends"), "ADDRESS", "imaps")
	wants(run(exitFailed, "backends", "drain", "192.0.2.1:143"), "no backend has the address")
	wants(run(exitOK, "record"), "no recording runs\n")
	wants(run(exitUsage, "record", "--user", "demo", "--stop"), "it takes one of --user")
	wants(run(exitFailed, "record", "--user", "demo", "--sessions", "1000"), "1 to 100 sessions")
	wants(run(exitOK, "record", "--user", "demo", "--folder", filepath.Join(f.path, "recorded")), "recording until", "1 session to begin", "recorded\n")
	wants(run(exitFailed, "record", "--client", "127.0.0.1"), "another recording runs")
	if err := w.session(i.address, "a LOGIN demo demo -> a OK", "b LOGOUT -> b OK"); err != nil {
		t.Fatal(err)
	}
	wait.Until(t, "the session is not recorded", func() bool { return strings.Contains(run(exitOK, "record"), ".dialog\n") })
	wants(run(exitOK, "record", "--stop"), "no recording runs\n", ".txt\n")
	wants(run(exitOK, "log-level"), "info\n")
	wants(run(exitOK, "log-level", "debug"), "debug\n")
	profile := filepath.Join(f.path, "heap.pprof")
	run(exitOK, "profile", "heap", "--output", profile)
	if text, err := os.ReadFile(profile); err != nil || !strings.HasPrefix(string(text), "\x1f\x8b") {
		t.Errorf("the profile: %.20q, %v", text, err)
	}
	wants(run(exitFailed, "profile", "heap", "--output", profile), "exists")
	wants(run(exitOK, "kick", "--user", "demo"), "1 session asked to end")
	if rest, err := io.ReadAll(c.lines); err != nil || !strings.HasPrefix(string(rest), "* BYE ") {
		t.Errorf("%q, %v", rest, err)
	}
	if status, out, said := words("sessions", "--socket", filepath.Join(f.path, "none.sock")); status != exitNotRunning {
		t.Errorf("%d\n%s%s", status, out, said)
	}
}

// A value that a client has chosen is quoted, unless it is a plain word.
func TestShown(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]string{
		"": "-", "-": `"-"`, "alice@example.com": "alice@example.com", "grün": "grün", "a b": `"a b"`,
		"\x1b[2J": `"\x1b[2J"`, "a\u202eb": `"a\u202eb"`, "a\r\nb": `"a\r\nb"`, `"`: `"\""`, "\xff": `"\xff"`, "a\tb": `"a\tb"`,
	} {
		if got := shown(value); got != want {
			t.Errorf("%q is shown as %s, not %s", value, got, want)
		}
	}
}
