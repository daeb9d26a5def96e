package configs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/letterlock/letterlock/tlspolicy"
)

func equal(a, b []string) bool { return slices.Equal(a, b) }

// mustParse parses a configuration without looking at files.
func mustParse(t *testing.T, text string) *Config {
	t.Helper()
	c, err := Elsewhere("mail.example.com").Parse("test.yaml", []byte(text))
	if err != nil {
		t.Fatalf("%s\n%v", text, err)
	}
	return c
}

// mustFail parses an invalid configuration and returns its errors.
func mustFail(t *testing.T, text string) Errors {
	t.Helper()
	_, err := Elsewhere("mail.example.com").Parse("test.yaml", []byte(text))
	var all Errors
	if !errors.As(err, &all) {
		t.Fatalf("%s\n%v", text, err)
	}
	return all
}

// The folder of the state is found in a file with any error.
func TestStateDirIn(t *testing.T) {
	folder := t.TempDir()
	file := filepath.Join(folder, "letterlock.yaml")
	if got := StateDirIn(file); got != Default().StateDir {
		t.Errorf("no file: %s", got)
	}
	for text, want := range map[string]string{
		"": Default().StateDir, "hostname: a\n": Default().StateDir, "  state_dir: /in/another/key\n": Default().StateDir, "state_dir:\n": Default().StateDir,
		"state_dir: /var/lib/own # ours\n\tlisteners: [\n": "/var/lib/own", "a: b: c\r\nstate_dir: \"/var/lib/own\"\r\n": "/var/lib/own", "state_dir: own": filepath.Join(folder, "own"),
	} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := StateDirIn(file); got != want {
			t.Errorf("%q: %s, not %s", text, got, want)
		}
	}
}

func withDefaults(l Listener) Listener {
	setDefaults(reflect.ValueOf(&l).Elem())
	return l
}

func TestSmallestFile(t *testing.T) {
	got := mustParse(t, "listeners: [{service: imaps, backend: legacy.lan}]\n")
	want := Default()
	want.Hostname = "mail.example.com"
	want.Listeners = []Listener{withDefaults(Listener{Service: IMAPS, Listen: ":993", Backend: "legacy.lan:143"})}
	got.origin = origin{}
	if !reflect.DeepEqual(*got, want) {
		t.Errorf("%+v\nis not\n%+v", *got, want)
	}
}

// The minimal file that the error about an empty file suggests is valid.
func TestMinimumIsEnough(t *testing.T) {
	_, file, _ := strings.Cut(minimum, "\n")
	mustParse(t, strings.ReplaceAll(file, "\n    ", "\n"))
}

func TestEverythingDecoded(t *testing.T) {
	got := mustParse(t, `
hostname: MX.Example.com.
state_dir: state
allow_public_plaintext_backend: true
certificates: [{cert: tls/cert.pem, key: /tls/key.pem}]
policies: [{name: own, base: strict, min_version: 1.3, max_version: TLSv1.3, suites: [ECDHE-RSA-AES128-GCM-SHA256], groups: [X25519]}]
log: {format: json, level: debug}
limits: {connections: 1, errors: 2}
timeouts: {idle: 1h, dial: 1m30s}
listeners:
  - service: smtp
    listen: "192.0.2.1:2525"
    backend: 8.8.8.8
    policy: own
    banner: ready
    auth: true
    recipients: [Example.COM, Info@EXAMPLE.net]
    bare_newline: reject
    received: false
    disable_vrfy: false
    hide_mechanisms: [ntlm]
`)
	off := false
	want := Default()
	want.Hostname, want.StateDir, want.PublicPlaintextBackend = "mx.example.com", "state", true
	want.Certificates = []Certificate{{"tls/cert.pem", "/tls/key.pem"}}
	want.Policies = []Policy{{
		Name: "own", Base: "strict", MinVersion: tlspolicy.VersionTLS13, MaxVersion: tlspolicy.VersionTLS13,
		Suites: []tlspolicy.Suite{0xc02f}, Groups: []tlspolicy.Group{29},
	}}
	want.Log.Format, want.Log.Level = "json", "debug"
	want.Limits.Connections, want.Limits.Errors = 1, 2
	want.Timeouts.Idle, want.Timeouts.Dial = time.Hour, 90*time.Second
	want.Listeners = []Listener{withDefaults(Listener{
		Service: SMTP, Listen: "192.0.2.1:2525", Backend: "8.8.8.8:25", Policy: "own", Banner: "ready", Auth: true,
		Recipients: []string{"example.com", "Info@example.net"}, BareNewline: "reject",
		Received: &off, DisableVRFY: &off, HideMechanisms: []string{"NTLM"},
	})}
	got.origin = origin{}
	if !reflect.DeepEqual(*got, want) {
		t.Errorf("%+v\nis not\n%+v", *got, want)
	}
}

// Relative paths begin in the folder of the file, whatever the working
// directory is.
func TestLoadFindsFilesBesideTheFile(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "letterlock.yaml")
	for name, text := range map[string]string{
		"letterlock.yaml": "hostname: mail.example.com\ncertificates: [{cert: c.pem, key: k.pem}]\nlisteners: [{service: imaps, backend: b}]\n",
		"c.pem":           "cert", "k.pem": "key",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c, err := Load(file)
	if err != nil {
		t.Fatal(err)
	}
	if c.Certificates[0].Key != filepath.Join(dir, "k.pem") {
		t.Errorf("key is %s", c.Certificates[0].Key)
	}
	if err := os.Remove(c.Certificates[0].Key); err != nil {
		t.Fatal(err)
	}
	if _, err = Load(file); err == nil || !strings.Contains(err.Error(), "k.pem\" cannot be read") {
		t.Errorf("a missing key gave %v", err)
	}
}

func TestLoadWithoutAFile(t *testing.T) {
	if _, err := Load(filepath.Join(t.TempDir(), "none.yaml")); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	if _, err := Load(t.TempDir()); err == nil {
		t.Error("a folder was loaded")
	}
}

func TestParseIsBounded(t *testing.T) {
	tests := map[string]string{
		"large":       strings.Repeat("#", maxFile+1),
		"binary":      "hostname: \x00",
		"not UTF-8":   "hostname: \xff",
		"UTF-16":      "\xfe\xff\x00a",
		"deep":        strings.Repeat("[", 100000),
		"many items":  "listeners: [" + strings.Repeat("{},", maxItems+1) + "]",
		"many errors": "{" + strings.Repeat("x: 1, ", 50000) + "}",
	}
	for name, text := range tests {
		t.Run(name, func(t *testing.T) {
			all := mustFail(t, text)
			if len(all) > maxErrors || len(all.Error()) > maxErrors*1000 {
				t.Errorf("%d errors of %d bytes", len(all), len(all.Error()))
			}
		})
	}
}

func TestHostnameOfTheMachine(t *testing.T) {
	text := []byte("listeners: [{service: imaps, backend: b}]\n")
	unknown := Machine{Hostname: func() (string, error) { return "", errors.New("no name") }}
	for _, m := range []Machine{unknown, Elsewhere("my_pc"), {}} {
		if _, err := m.Parse("test.yaml", text); err == nil {
			t.Error("a machine without a legal name was accepted")
		}
	}
	c, err := Elsewhere("Host.Example.com").Parse("test.yaml", text)
	if err != nil || c.Hostname != "host.example.com" {
		t.Errorf("%v, %v", c, err)
	}
}

func TestErrorFields(t *testing.T) {
	all := mustFail(t, "limits:\n  line: 1\nlisteners: [{service: imaps, backend: b, polisy: strict}]\n")
	want := []Error{
		{File: "test.yaml", Line: 2, Column: 9, Key: "limits.line", Source: "  line: 1", Caret: 8},
		{File: "test.yaml", Line: 3, Column: 42, Key: "listeners[0].polisy", Caret: 41, Remedy: "write policy"},
	}
	if len(all) != len(want) {
		t.Fatal(all)
	}
	for i, w := range want {
		got := *all[i]
		if got.File != w.File || got.Line != w.Line || got.Column != w.Column || got.Key != w.Key || got.Caret != w.Caret {
			t.Errorf("%+v", got)
		}
	}
	var one *Error
	if !errors.As(fmt.Errorf("serve: %w", all), &one) || one != all[0] {
		t.Error("errors.As does not reach the first error")
	}
}

func TestCaretStaysUnderItsCharacter(t *testing.T) {
	e := Error{File: "f", Line: 1, Column: 4, Source: "ä\tbx", Caret: 3, Problem: "p"}
	if want := "f:1:4: p\n    1 | ä\tbx\n      |  \t ^"; e.Error() != want {
		t.Errorf("%q", e.Error())
	}
}

func TestNearest(t *testing.T) {
	known := []string{"smtp", "submission", "submissions", "imap", "imaps", "sieve", "listen", "connections"}
	tests := map[string]string{
		"smpt": "smtp", "SMTP": "smtp", "submision": "submission", "lsiten": "listen", "connection": "connections",
		"smtps": "submissions", "managesieve": "sieve", "lmtp": "", "gopher": "", "": "",
		strings.Repeat("imap", 100): "",
	}
	for word, want := range tests {
		if got := nearest(word, known); got != want {
			t.Errorf("%q: %q, want %q", word, got, want)
		}
	}
}
