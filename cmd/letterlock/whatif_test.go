package main

import (
	"bytes"
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"net/smtp"
	"os"
	"strings"
	"testing"

	"github.com/letterlock/letterlock/internal/test/loopback"
	"github.com/letterlock/letterlock/internal/test/wait"
	"github.com/letterlock/letterlock/internal/whatif"
)

const manyClients = `hostname: mail.example.com
state_dir: state
probe: false
certificates: [{cert: cert.pem, key: key.pem}]
policies: [{name: newest, base: modern}]
listeners:
  - {service: submissions, listen: "{host}:0", backend: "{submission}", policy: compat}
  - {service: smtp, listen: "{host}:0", backend: "{smtp}", recipients: [example.com]}
`

// whatif runs the command on the configuration that the world was made of.
func (f *folder) whatif(args ...string) (status int, out, said string) {
	f.Helper()
	var stdout, stderr bytes.Buffer
	status = run(append([]string{"whatif", "--config", f.file()}, args...), newUI(&stdout, &stderr))
	return status, stdout.String(), stderr.String()
}

// eventually runs the command until the proxy has written what ready looks for.
func (f *folder) eventually(ready func(whatif.Answer) bool, args ...string) (a whatif.Answer) {
	f.Helper()
	var out string
	if !wait.Happens(func() bool {
		var status int
		status, out, _ = f.whatif(append(args, "--json")...)
		a = whatif.Answer{}
		return status == exitOK && json.Unmarshal([]byte(out), &a) == nil && ready(a)
	}) {
		f.Fatalf("the last result is %s", out)
	}
	return a
}

func TestWhatIf(t *testing.T) {
	t.Parallel()
	w := newWorld(t, strings.Replace(manyClients, "state_dir: state\n", "", 1))
	text := strings.NewReplacer("{host}", loopback.Host(), "{submission}", "192.168.0.1:587", "{smtp}", "192.168.0.1:25").Replace(manyClients)
	if err := os.WriteFile(w.file(), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	login := func(change func(*tls.Config)) {
		conn, err := w.dial(0, change)
		if err != nil {
			t.Fatal(err)
		}
		w.login(conn)
	}
	login(nil)
	both := []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA, tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256}
	login(func(c *tls.Config) { c.MaxVersion, c.CipherSuites = tls.VersionTLS12, both[:1] }) // an old phone
	login(func(c *tls.Config) { c.MaxVersion, c.CipherSuites = tls.VersionTLS12, both[:1] })
	login(func(c *tls.Config) { c.MaxVersion, c.CipherSuites = tls.VersionTLS12, both })
	if _, err := w.dial(0, func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS11 }); err == nil {
		t.Fatal("TLS 1.1 passes")
	}
	w.sendPlaintext(2)
	w.sendPlaintext(0) // says hello and goes: sends nothing

	all := func(a whatif.Answer) bool { return a.Sessions == 4 && len(a.Plaintext) == 1 && len(a.Failures) == 1 }
	a := w.eventually(all, "--policy", "strict")
	if len(a.Refused) != 1 || a.RefusedSessions != 2 {
		t.Fatalf("%+v", a)
	}
	r := a.Refused[0]
	if r.User != "demo" || r.Why != "suite" || r.Version != "TLSv1.2" || r.Suite != "ECDHE-ECDSA-AES128-SHA" || r.Network != "127.0.0.0/24" ||
		r.Service != "submissions" || r.Count != 2 || len(r.Offered.Suites) != 1 {
		t.Errorf("%+v", r)
	}
	if f := a.Failures[0]; f.Reason != "version" || f.Admitted || f.Service != "submissions" || !f.ByPolicy {
		t.Errorf("%+v", f)
	}
	if p := a.Plaintext[0]; p.Count != 2 || p.Network != "127.0.0.1/32" || p.Address != "127.0.0.1" || p.Host == "" {
		t.Errorf("%+v", p)
	}
	for policy, want := range map[string]uint64{"newest": 3, "compat": 0, "opportunistic": 2} { // there CBC is no longer good for a login
		a := w.eventually(all, "--policy", policy)
		if a.RefusedSessions != want || a.Failures[0].Admitted != (policy == "opportunistic") {
			t.Errorf("%s: %+v", policy, a)
		}
	}
	if a := w.eventually(func(a whatif.Answer) bool { return a.Sessions == 0 }, "--policy", "modern", "--listener", "smtp"); len(a.Plaintext) != 1 || len(a.Failures) != 0 {
		t.Errorf("%+v", a)
	}
	status, out, _ := w.whatif("--policy", "strict")
	for _, want := range []string{"would refuse 2 of 4 TLS sessions", "demo", "suite", "Mail in plaintext on smtp", "no TLS version in common"} {
		if status != exitOK || !strings.Contains(out, want) {
			t.Errorf("status %d, %q is missing:\n%s", status, want, out)
		}
	}
}

// login logs in by SMTP.
func (w *world) login(conn *tls.Conn) {
	w.Helper()
	client, err := smtp.NewClient(conn, "mail.example.com")
	if err == nil {
		err = client.Auth(smtp.PlainAuth("", "demo", "demo", "mail.example.com"))
	}
	if err != nil {
		w.Fatal(err)
	}
}

// sendPlaintext sends messages without TLS.
func (w *world) sendPlaintext(messages int) {
	w.Helper()
	client, err := smtp.Dial(w.Addresses()[1].String())
	if err != nil {
		w.Fatal(err)
	}
	defer func() { _ = client.Close() }()
	send := func() (err error) {
		err = errors.Join(client.Mail("a@example.net"), client.Rcpt("you@example.com"))
		if err != nil {
			return err
		}
		data, err := client.Data()
		if err != nil {
			return err
		}
		_, err = io.WriteString(data, "Subject: x\r\n\r\nx\r\n")
		return errors.Join(err, data.Close())
	}
	err = client.Hello("old.example.net")
	for range messages {
		err = errors.Join(err, send())
	}
	if err = errors.Join(err, client.Quit()); err != nil {
		w.Fatal(err)
	}
}

func TestWhatIfAskedWrongly(t *testing.T) {
	t.Parallel()
	w := newWorld(t, strings.Replace(manyClients, "state_dir: state\n", "inventory: {keep: false}\n", 1))
	text := strings.NewReplacer("{host}", loopback.Host(), "{submission}", "192.168.0.1:587", "{smtp}", "192.168.0.1:25").Replace(manyClients)
	if err := os.WriteFile(w.file(), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args   []string
		status int
		words  string
	}{
		{nil, exitUsage, "needs --policy"},
		{[]string{"--policy", "strictest"}, exitFailed, "strictest"},
		{[]string{"--policy", "strict", "--listener", "imaps"}, exitFailed, "no listener"},
		{[]string{"--policy", "strict"}, exitFailed, "no inventory yet"},
	} {
		if status, _, said := w.whatif(c.args...); status != c.status || !strings.Contains(said, c.words) {
			t.Errorf("%v: %d, %s", c.args, status, said)
		}
	}
}
