package main

import (
	"bytes"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/letterlock/letterlock/configs"
	"github.com/letterlock/letterlock/internal/app"
	"github.com/letterlock/letterlock/internal/mailclient"
	"github.com/letterlock/letterlock/internal/probe"
	"github.com/letterlock/letterlock/internal/survey"
	"github.com/letterlock/letterlock/internal/test/loopback"
	"github.com/letterlock/letterlock/tlspolicy"
)

// initAtDemo calls init for the servers of the demo, on their ports.
func (f *folder) initAtDemo(answers string, args ...string) (status int, output string) {
	f.Helper()
	var all []string
	for name, address := range map[string]string{
		"smtp": f.backends.SMTP(), "submission": f.backends.Submission(), "imap": f.backends.IMAP(), "pop3": f.backends.POP3(), "sieve": f.backends.Sieve(),
	} {
		_, port, _ := net.SplitHostPort(address)
		all = append(all, name+"="+port)
	}
	var out, err bytes.Buffer
	u := newUI(&out, &err)
	u.in, u.interactive = strings.NewReader(answers), answers != ""
	status = run(append([]string{"init", "--ports", strings.Join(all, ",")}, args...), u)
	return status, err.String() + out.String()
}

// The questions are answered on a terminal, and the file has comments with the
// server's answers.
func TestInitAsks(t *testing.T) {
	t.Parallel()
	f := newFolder(t)
	output := filepath.Join(f.path, "new.yaml")
	answers := loopback.Host() + "\nmail.example.com\n" + filepath.Join(f.path, "cert.pem") + "\n" + filepath.Join(f.path, "key.pem") + "\nexample.com\n\n"
	status, said := f.initAtDemo(answers, "--output", output)
	if status != exitOK {
		t.Fatalf("%d\n%s", status, said)
	}
	for _, question := range []string{"Host of the mail server: ", "Name of this proxy [", "Domains that mail is received for [mail.example.com,example.com]: ", "Write " + output + "? [yes]: "} {
		if !strings.Contains(said, question) {
			t.Errorf("no question %q in\n%s", question, said)
		}
	}
	text, err := os.ReadFile(output)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"hostname: mail.example.com\n", "recipients: [example.com]\n", "  - service: submissions\n", "  - service: pop3s\n", "  - service: sieve\n",
		"# imap: " + f.backends.IMAP() + " greets with ", "and offers PLAIN, the command LOGIN", "backend: '" + f.backends.IMAP() + "'\n",
	} {
		if !strings.Contains(string(text), want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	if status, _, said := words("config", "check", output); status != exitOK {
		t.Errorf("%d\n%s", status, said)
	}
}

// Flags answer all questions. Services that do not answer are named and left out.
func TestInitByFlags(t *testing.T) {
	t.Parallel()
	f := newFolder(t)
	output := filepath.Join(f.path, "new.yaml")
	certificates := filepath.Join(f.path, "cert.pem") + "," + filepath.Join(f.path, "key.pem")
	args := []string{"--backend", loopback.Host(), "--hostname", "mail.example.com", "--services", "imaps,pop3s", "--certificates", certificates, "--output", output}
	status, said := f.initAtDemo("", args...)
	text, _ := os.ReadFile(output)
	if status != exitOK || strings.Count(string(text), "- service:") != 2 || strings.Contains(said, "?") || strings.Contains(string(text), "service: imap\n") {
		t.Errorf("%d\n%s\n%s", status, said, text)
	}
	status, said = f.initAtDemo("", args...)
	if again, _ := os.ReadFile(output); status != exitFailed || !strings.Contains(said, "exists: --force replaces it") || !bytes.Equal(again, text) {
		t.Errorf("%d\n%s", status, said)
	}
	if status, said := f.initAtDemo("", append(args, "--force")...); status != exitOK {
		t.Errorf("%d\n%s", status, said)
	}
}

// Without a terminal and without flags init fails. After the answer no it writes no
// file.
func TestInitWritesNothing(t *testing.T) {
	t.Parallel()
	f := newFolder(t)
	output := filepath.Join(f.path, "new.yaml")
	for _, c := range []struct {
		answers, want string
		args          []string
	}{
		{"", "init: give --backend HOST; standard input is not a terminal", nil},
		{"x\n", "init: give --backend HOST", []string{"--yes"}},
		{loopback.Host() + "\n", "no answer, and nothing was written", nil},
		{loopback.Host() + "\nmail.example.com\nnone\nexample.com\nno\n", "nothing was written", nil},
		{"", `init: the service "nntp" does not exist`, []string{"--backend", loopback.Host(), "--services", "nntp"}},
		{"", `init: "nntp=119" is not SERVICE=PORT`, []string{"--backend", loopback.Host(), "--ports", "nntp=119"}},
		{"", "\"/nowhere/cert.pem\" cannot be read", []string{"--backend", loopback.Host(), "--certificates", "/nowhere/cert.pem", "--hostname", "mail.example.com"}},
	} {
		status, said := f.initAtDemo(c.answers, append(c.args, "--output", output)...)
		if status == exitOK || !strings.Contains(said, c.want) {
			t.Errorf("%q: %d, no %q in\n%s", c.answers, status, c.want, said)
		}
		if _, err := os.Stat(output); err == nil {
			t.Errorf("%q: there is a file", c.answers)
		}
	}
}

// If no service of the host answers, init fails with the reason.
func TestInitFindsNoServer(t *testing.T) {
	t.Parallel()
	call := &initCall{ui: newUI(&bytes.Buffer{}, &bytes.Buffer{}), backend: loopback.Host(), hostname: "mail.example.com", known: []survey.Service{{Name: "imap", Protocol: "imap", Port: 1}}}
	if _, err := call.look(t.Context()); err == nil || !strings.Contains(err.Error(), "no mail service answers there") {
		t.Error(err)
	}
}

// A server that accepts logins only in TLS is reached by TLS. The key of a
// self-signed certificate is pinned.
func TestDraftOfABackendWithTLS(t *testing.T) {
	t.Parallel()
	seen := []survey.Seen{
		{Service: survey.Service{Name: "imap", Protocol: "imap", Login: true}, Address: "10.0.0.5:993", TLS: "tls", Version: tlspolicy.VersionTLS11},
		{Service: survey.Service{Name: "pop3", Protocol: "pop3", Login: true}, Address: "10.0.0.5:110", TLS: "starttls", Version: tlspolicy.VersionTLS12, Verified: true},
		{Service: survey.Service{Name: "smtp", Protocol: "smtp"}, Address: "10.0.0.5:25", Offered: mailclient.Capabilities{Words: map[string][]string{"XCLIENT": {"NAME", "ADDR"}}}},
		{Service: survey.Service{Name: "sieve", Protocol: "sieve", Login: true}, Address: "10.0.0.5:4190", Err: errors.New("refused\nlisteners: []")},
	}
	probed := []app.Probed{{Service: "smtp", Findings: []probe.Finding{{Severity: probe.Danger, Text: "it is an open relay", Remedy: "close it"}}}}
	d := &draft{call: &initCall{backend: "10.0.0.5", hostname: "mail.example.com", email: "a@example.com"}, seen: seen, probed: probed}
	text := d.text()
	c, err := configs.Elsewhere("mail.example.com").Parse("letterlock.yaml", []byte(text))
	if err != nil || len(c.Listeners) != 5 || len(c.Backends) != 2 {
		t.Fatalf("%v\n%s", err, text)
	}
	for _, want := range []string{
		"tls: tls\n", "min_version: 1.1\n", "    pin: [", "tls: starttls\n", "handover: xclient\n", "# DANGER: it is an open relay; close it\n", "# Not offered: sieve, which does not answer on 10.0.0.5:4190: refused?listeners: []\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
}
