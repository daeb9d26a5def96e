package app

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/letterlock/letterlock/internal/limit"
	"github.com/letterlock/letterlock/internal/test/loopback"
	"github.com/letterlock/letterlock/internal/test/wait"
)

// State of older and newer versions, and damaged state, is used as far as possible.
func TestStateOfAnotherVersion(t *testing.T) {
	t.Parallel()
	w := newWorld(t, imaps)
	text, err := w.State()
	if err != nil {
		t.Fatal(err)
	}
	secret := w.now.Load().maintenance.secret
	for _, c := range []struct{ name, text, want string }{
		{"the same version", string(text), ""},
		{"nothing", "", "there is none"},
		{"an empty object", "{}", ""},
		{"only the tickets", `{"ticket_secret": "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="}`, ""},
		{"a newer field", `{"sessions": [1, 2, 3], "logins": null}`, ""},
		{"logins of a newer version", `{"logins": {"version": 2, "table": []}}`, "another version"},
		{"logins that are cut", `{"logins": {"version": 1, "key": "AAAA"}}`, "cut off or damaged"},
		{"a short secret", `{"ticket_secret": "AAAA"}`, "secret of session tickets"},
		{"cut off", string(text[:len(text)/2]), "it is damaged"},
		{"an array", "[]", "it is damaged"},
	} {
		err := w.Restore([]byte(c.text))
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.name, err)
		}
		if err != nil && strings.Contains(err.Error(), "AAAA") {
			t.Errorf("%s: the error holds a secret: %v", c.name, err)
		}
	}
	if got := w.now.Load().maintenance.secret; string(got) != "01234567890123456789012345678901" || string(got) == string(secret) {
		t.Errorf("the secret is %q", got)
	}
}

// A secret in a file counts in place of the passed one.
func TestRestoredSecretBesideAFile(t *testing.T) {
	t.Parallel()
	w := ticketWorld(t, ticketBase)
	held := &heldSession{}
	w.resumes(0, held, tls.VersionTLS13, "mail.example.com")
	if err := w.Restore([]byte(`{"ticket_secret": "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="}`)); err != nil {
		t.Fatal(err)
	}
	if !w.resumes(0, held, tls.VersionTLS13, "mail.example.com") {
		t.Error("the secret of the file is no longer used")
	}
}

// The state holds neither an address nor a user.
func TestStateHasNoNames(t *testing.T) {
	t.Parallel()
	w := newWorld(t, imaps)
	c := w.login(0)
	c.ask("b NOOP", "b OK")
	l := limit.NewLogins()
	l.Set(limit.LoginLimits{PerClient: 10, PerUser: 10, Forget: time.Hour})
	l.Failed(netip.MustParseAddr("192.0.2.1"), "alice", time.Now())
	text, err := json.Marshal(l.State())
	if err != nil {
		t.Fatal(err)
	}
	own, err := w.State()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"alice", "demo", "192.0.2"} {
		if strings.Contains(string(text)+string(own), name) {
			t.Errorf("%s is in the state", name)
		}
	}
}

// Sockets lists every socket with its name and configured address. Drain closes
// them, lets the sessions go on, and returns when they have ended.
func TestDrain(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "status: {listen: \"{host}:0\"}\nacme: {hosts: [www.example.com], directory: \"https://127.0.0.1:1/\", http: \"{host}:0\"}\n"+imaps)
	sockets, err := w.Sockets()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, s := range sockets {
		names = append(names, s.Name+" "+s.Address)
		_ = s.File.Close()
	}
	if got := strings.ReplaceAll(strings.Join(names, ", "), loopback.Host(), "HOST"); got != "imaps HOST:0, status HOST:0, acme HOST:0" {
		t.Error(got)
	}
	session := w.login(0)
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		w.Drain(context.Background())
	}()
	wait.Until(t, "the process does not drain", func() bool {
		return strings.Contains(w.log.String(), "another process accepts connections")
	})
	session.ask("b NOOP", "b OK")
	select {
	case <-drained:
		t.Fatal("a session is left")
	default:
	}
	session.ask("c LOGOUT", "c OK")
	select {
	case <-drained:
	case <-time.After(20 * time.Second):
		t.Fatal("no session is left")
	}
	w.configure(imaps)
	w.Reload()
	if !strings.Contains(w.log.String(), "the server shuts down") {
		t.Errorf("a reload opens sockets again:\n%s", w.log)
	}
}
