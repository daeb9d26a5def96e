package app

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/letterlock/letterlock/configs"
	"github.com/letterlock/letterlock/internal/test/wait"
)

// exposed names every kind of file.
const exposed = `
hostname: mail.example.com
certificates: [{cert: cert.pem, key: key.pem}]
ticket_secret: secret
acme: {hosts: [www.example.com], http: "{host}:0", ca_roots: ca.pem, eab: {kid: k, key_file: eab.key}}
backends: [{name: b, addresses: ["{imap}"], tls: starttls, ca: ca.pem, verify: true}]
listeners:
  - {service: imaps, listen: "{host}:0", backend: b, client_certificates: request, client_ca: ca.pem, routes: routes}
  - {service: smtp, listen: "{host}:0", backend: "{smtp}", recipients_file: recipients}
probe: false
`

// modeWarning matches a log line about a mode: the position of the key, and the
// file of the remedy.
var modeWarning = regexp.MustCompile(`every user of this machine .* at=\S*letterlock\.yaml:\d+:\d+ (?:key=(\S+) )?remedy="chmod o-(\w+) \S*/(\S+)"`)

// expose creates files that every user may read and write.
func (w *world) expose(names ...string) {
	w.Helper()
	for name, text := range map[string]string{
		"secret": strings.Repeat("0123456789abcdef", 4), "eab.key": "c2VjcmV0LWtleQ", "routes": "joe b\n", "recipients": "example.com\n",
	} {
		if err := os.WriteFile(filepath.Join(w.folder, name), []byte(text), 0o600); err != nil {
			w.Fatal(err)
		}
	}
	for _, name := range names {
		if err := os.Chmod(filepath.Join(w.folder, name), 0o666); err != nil {
			w.Fatal(err)
		}
	}
}

// exposures lists the files with warnings in the log since a position.
func (w *world) exposures(since int) string {
	var all []string
	for _, m := range modeWarning.FindAllStringSubmatch(w.log.String()[since:], -1) {
		all = append(all, m[1]+" "+m[2]+" "+m[3])
	}
	return strings.Join(all, "\n")
}

// Modes that let other users read secrets, or change what decides where mail
// and passwords go, are reported at the start and with a reload: with the place
// in the configuration and the command that mends them, once.
func TestH12_ModesAreReported(t *testing.T) {
	t.Parallel()
	w := newWorld(t, imaps)
	w.expose("letterlock.yaml", "cert.pem", "key.pem", "secret", "eab.key", "ca.pem", "routes", "recipients")
	said := len(w.log.String())
	w.configure(exposed)
	w.Reload()
	w.wantLog(said, "msg=reloaded")
	const want = " w letterlock.yaml\nticket_secret rw secret\ncertificates[0].cert w cert.pem\ncertificates[0].key rw key.pem\n" +
		"acme.ca_roots w ca.pem\nacme.eab.key_file rw eab.key\nlisteners[0].routes w routes\nlisteners[1].recipients_file w recipients"
	if got := w.exposures(said); got != want {
		t.Errorf("the log warns of\n%s\nin\n%s", got, w.log.String()[said:])
	}
	said = len(w.log.String())
	w.Reload()
	if got := w.exposures(said); got != "" {
		t.Errorf("the log warns again of\n%s", got)
	}
	c, err := configs.Load(filepath.Join(w.folder, "letterlock.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var check strings.Builder // in the form of `config check`
	for _, warning := range configs.Warnings(c) {
		check.WriteString(warning.String() + "\n")
	}
	if text := check.String(); strings.Count(text, "every user of this machine") != 8 || !strings.Contains(text, "letterlock.yaml:5:16: ticket_secret: every user of this machine may read and change ") {
		t.Errorf("config check warns\n%s", text)
	}
}

// A file that others may read later is reported without a reload.
func TestH12_ModesThatChange(t *testing.T) {
	t.Parallel()
	w := newWorld(t, imaps)
	key := filepath.Join(w.folder, "key.pem")
	for range 2 {
		said := len(w.log.String())
		for _, mode := range []os.FileMode{0o644, 0o600} {
			if err := os.Chmod(key, mode); err != nil {
				t.Fatal(err)
			}
			w.now.Load().maintenance.look()
			w.now.Load().maintenance.look()
			wait.Until(t, "the log does not warn of the key", func() bool { return w.exposures(said) == "certificates[0].key r key.pem" })
		}
	}
}

// A state folder that other users can read or write causes a warning.
func TestH12_StateFolder(t *testing.T) {
	t.Parallel()
	w := newWorld(t, imaps)
	state := filepath.Join(w.folder, "state")
	if err := os.MkdirAll(state, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(state, "account.key"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for path, mode := range map[string]os.FileMode{state: 0o777 | os.ModeSticky, filepath.Join(state, "account.key"): 0o644} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
	}
	said := len(w.log.String())
	w.Reload()
	if got := w.exposures(said); got != "state_dir w state\nstate_dir r account.key" {
		t.Errorf("the log warns of %q in\n%s", got, w.log.String()[said:])
	}
}
