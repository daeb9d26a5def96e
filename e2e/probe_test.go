package e2e

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/letterlock/letterlock/e2e/world"
)

// TestProbeAtTheStart probes the shared Postfix, which trusts its network as
// many old servers do: the log reports that only the recipients setting prevents
// relaying.
func TestProbeAtTheStart(t *testing.T) {
	w := needsServers(t)
	l := serveCustom(t, "probe: true", world.Listener{Name: "smtp", Service: "smtp", Backend: w.Ports.SMTP, Keys: []string{"recipients: [example.com]"}},
		world.Listener{Name: "imap", Service: "imap", Backend: w.Ports.IMAP}, world.Listener{Name: "pop3", Service: "pop3", Backend: w.Ports.POP3},
		world.Listener{Name: "sieve", Service: "sieve", Backend: w.Ports.Sieve}, world.Listener{Name: "submission", Service: "submission", Backend: w.Ports.Submission})
	awaitIn(t, l.Process, 0, "letterlock/smtp[", "it relays for the proxy", "mynetworks")
	for _, line := range l.Log.Since(0) {
		if strings.Contains(line, "backend:") && !strings.Contains(line, "letterlock/smtp[") {
			t.Errorf("the probe reports another backend: %s", line)
		}
	}
}

// TestProbeWithoutLogin probes a Postfix that decides by the client's address, and a
// Postfix that lets clients without a login relay. Only the handover differs.
func TestProbeWithoutLogin(t *testing.T) {
	b := believers(t)
	p := b.Ports
	for name, c := range map[string]struct {
		keys  string
		port  int
		fails bool
		words string
	}{
		"xclient":                   {"handover: xclient", p.SMTP, false, "nothing was found"},
		"proxy-v1":                  {"handover: proxy-v1", p.SMTPBehindHeader, false, "nothing was found"},
		"proxy-v2":                  {"handover: proxy-v2", p.SMTPBehindHeader, false, "nothing was found"},
		"trusting, handover":        {"handover: xclient", p.TrustingSMTP, true, "OPEN RELAY"},
		"trusting, allowed":         {"handover: xclient\n    allow_open_relay: true", p.TrustingSMTP, false, "OPEN RELAY"},
		"trusting, our own address": {"allow_open_relay: true", p.SMTP, false, "OPEN RELAY"},
	} {
		t.Run(name, func(t *testing.T) {
			out, err := configCheck(t, fmt.Sprintf("  - service: smtp\n    backend: 127.0.0.1:%d\n    %s\n", c.port, c.keys))
			if c.fails != (err != nil) || !strings.Contains(out, c.words) {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
	// Dovecot accepts plaintext logins from clients that use TLS according to
	// the PROXY header.
	for name, c := range map[string]struct {
		listener, words string
	}{
		"imap, proxy-v2": {fmt.Sprintf("{service: imap, backend: '127.0.0.1:%d', handover: proxy-v2}", p.IMAPBehindHeader), "nothing was found"},
		"pop3, proxy-v2": {fmt.Sprintf("{service: pop3, backend: '127.0.0.1:%d', handover: proxy-v2}", p.POP3BehindHeader), "nothing was found"},
		"imap, proxy-v1": {fmt.Sprintf("{service: imap, backend: '127.0.0.1:%d', handover: proxy-v1}", p.IMAPBehindHeader), "handover: proxy-v2"},
	} {
		t.Run(name, func(t *testing.T) {
			out, err := configCheck(t, "  - "+c.listener+"\n")
			if err != nil || !strings.Contains(out, c.words) {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
	logins := map[string]string{
		"imap":       fmt.Sprintf("  - {service: imap, backend: '127.0.0.2:%d'}\n", p.IMAP),
		"pop3":       fmt.Sprintf("  - {service: pop3, backend: '127.0.0.2:%d'}\n", p.POP3),
		"sieve":      fmt.Sprintf("  - {service: sieve, backend: '127.0.0.2:%d'}\n", p.Sieve),
		"submission": fmt.Sprintf("  - {service: submission, backend: '127.0.0.1:%d'}\n", p.SMTP),
	}
	for name, listener := range logins {
		t.Run("no login, "+name, func(t *testing.T) {
			out, err := configCheck(t, listener)
			if err != nil || !strings.Contains(out, "it accepts no login from the proxy") {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}

// TestServeStopsBeforeAnOpenRelay checks that an open relay that the proxy would
// expose prevents the start, and a reload. With the setting that allows it, the
// program starts.
func TestServeStopsBeforeAnOpenRelay(t *testing.T) {
	b := believers(t)
	dir := t.TempDir()
	path := filepath.Join(dir, "letterlock.yaml")
	configure := func(keys string) {
		writeFile(t, path, fmt.Sprintf("hostname: mail.example.com\nstate_dir: %s\nlog: {format: postfix}\nlisteners:\n"+
			"  - {service: smtp, listen: '127.0.0.1:0', backend: '127.0.0.1:%d', %s}\n", dir, b.Ports.TrustingSMTP, keys))
	}
	configure("handover: xclient")
	out, err := exec.CommandContext(t.Context(), needsServers(t).Program(), "serve", "--config", path).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "OPEN RELAY") || !strings.Contains(string(out), "allow_open_relay: true") {
		t.Errorf("%v\n%s", err, out)
	}

	configure("handover: xclient, allow_open_relay: true")
	p, err := world.Run("letterlock before a relay", exec.Command(needsServers(t).Program(), "serve", "--config", path))
	if err != nil {
		t.Fatal(err)
	}
	atEnd(t, p.Stop)
	awaitIn(t, p, 0, "listening")
	awaitIn(t, p, 0, "it is an OPEN RELAY behind this proxy", "as allow_open_relay: true allows")
	mark := p.Log.Mark()
	configure("handover: xclient")
	if err := p.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	awaitIn(t, p, mark, "OPEN RELAY")
	awaitIn(t, p, mark, "the configuration is refused")
}

// configCheck runs `config check --probe` on a file with these listeners.
func configCheck(t *testing.T, listeners string) (string, error) {
	t.Helper()
	w := needsServers(t)
	path := filepath.Join(t.TempDir(), "letterlock.yaml")
	text := "hostname: mail.example.com\nlisteners:\n" + listeners
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), w.Program(), "config", "check", "--probe", "--config", path).CombinedOutput()
	if _, exited := errors.AsType[*exec.ExitError](err); err != nil && !exited {
		t.Fatal(err)
	}
	return string(out), err
}
