package configs

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestDescribeTLS(t *testing.T) {
	c := mustParse(t, quiet+`
ticket_secret: /etc/secret
listeners:
  - service: submission
    backend: legacy
    sni: strict
    exceptions:
      - {networks: [10.1.0.0/16, 10.2.0.1], policy: opportunistic, until: 2099-03-31, weak_login: true}
      - {networks: ["2001:db8::/32"], policy: compat, until: 2099-12-31}
  - {service: imaps, backend: legacy, client_certificates: require, client_ca: /etc/ca.pem}
  - service: smtp
    backend: legacy
    recipients: [example.com]
    client_certificates: request
    session_tickets: false
    exceptions: [{networks: [192.0.2.1], policy: opportunistic-wide, until: 2099-03-31}]
`)
	compare(t, "testdata/describe-tls.txt", Describe(c))
}

func TestExceptionsEnd(t *testing.T) {
	text := func(until string) []byte {
		return []byte(quiet + "listeners: [{service: imaps, backend: b, exceptions: [{networks: [10.0.0.0/8], policy: compat, until: " + until + "}]}]")
	}
	m := Elsewhere("")
	m.Now = func() time.Time { return time.Date(2027, 3, 31, 23, 59, 59, 0, time.UTC) }
	if _, err := m.Parse("a.yaml", text("2027-03-31")); err != nil {
		t.Errorf("on its last day: %v", err)
	}
	m.Now = func() time.Time { return time.Date(2027, 4, 1, 0, 0, 0, 0, time.UTC) }
	if _, err := m.Parse("a.yaml", text("2027-03-31")); err == nil || !strings.Contains(err.Error(), "the exception ended with 2027-03-31") {
		t.Errorf("after its last day: %v", err)
	}
	if Here().Now == nil {
		t.Error("the exception has ended on a machine without a clock")
	}
}

func TestWarningsOfTLS(t *testing.T) {
	soon := time.Now().Add(48 * time.Hour).UTC().Format(time.DateOnly)
	exception := func(more string) string {
		return quiet + "listeners: [{service: submission, backend: b, exceptions: [{networks: [10.0.0.0/8], " + more + "}]}]"
	}
	smtp := func(more string) string {
		return quiet + "listeners: [{service: smtp, backend: b, recipients: [a.example], " + more + "}]"
	}
	for _, tt := range []struct{ name, text, key, want string }{
		{"nothing to say", exception("policy: compat, until: 2099-01-01"), "", ""},
		{"a weak login is meant", exception("policy: opportunistic, until: 2099-01-01, weak_login: true"), "", ""},
		{"an exception for nothing", exception("policy: opportunistic, until: 2099-01-01"), "listeners[0].exceptions[0].policy", "unless the exception has weak_login"},
		{"ends soon", exception("policy: compat, until: " + soon), "listeners[0].exceptions[0].until", "ends with " + soon},
		{"no login on smtp", smtp("exceptions: [{networks: [10.0.0.0/8], policy: opportunistic-wide, until: 2099-01-01}]"), "", ""},
		{"logged", smtp("client_certificates: request"), "", ""},
		{"required, but not TLS", smtp("client_certificates: require, client_ca: c"), "listeners[0].client_certificates", "in plaintext"},
		{"tickets for Microsoft", smtp("session_tickets: true"), "listeners[0].session_tickets", "golang/go#70232"},
		{"people are asked", quiet + "listeners: [{service: imaps, backend: b, client_certificates: request}]", "listeners[0].client_certificates", "RFC 8314"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := Warnings(mustParse(t, tt.text))
			switch {
			case tt.key == "" && len(got) == 0:
			case len(got) != 1 || got[0].Key != tt.key || !strings.Contains(got[0].String(), tt.want):
				t.Errorf("%v", got)
			}
		})
	}
}

func TestTicketsOn(t *testing.T) {
	on, off := true, false
	for _, tt := range []struct {
		l    Listener
		want bool
	}{
		{Listener{Service: IMAPS}, true},
		{Listener{Service: SMTP}, false},
		{Listener{Service: SMTP, SessionTickets: &on}, true},
		{Listener{Service: IMAPS, SessionTickets: &off}, false},
		{Listener{Service: IMAPS, ClientCertificates: "none"}, true},
		{Listener{Service: IMAPS, ClientCertificates: "request"}, false},
		{Listener{Service: IMAPS, ClientCertificates: "require"}, false},
	} {
		if tt.l.TicketsOn() != tt.want {
			t.Errorf("%+v: %v", tt.l, !tt.want)
		}
	}
}

func TestExceptionNames(t *testing.T) {
	c := mustParse(t, quiet+"listeners: [{service: imaps, backend: b, exceptions: [{networks: [10.0.0.0/8], policy: compat, until: 2099-01-01}, {networks: [10.0.0.0/8, 192.0.2.1, 192.0.2.2], policy: compat, until: 2099-01-01}]}]")
	exceptions := c.Listeners[0].Exceptions
	if exceptions[0].Name() != "10.0.0.0/8" || exceptions[1].Name() != "10.0.0.0/8 and 2 more" || fmt.Sprint(exceptions[1].Prefixes()) != "[10.0.0.0/8 192.0.2.1/32 192.0.2.2/32]" {
		t.Errorf("%s, %s, %v", exceptions[0].Name(), exceptions[1].Name(), exceptions[1].Prefixes())
	}
	if p, err := c.NamedPolicy(exceptions[0].Policy); err != nil || p.Name != "compat" {
		t.Errorf("%v, %v", p.Name, err)
	}
}

// The exceptions of a file are added to those of the listener. Those that have ended
// are left out, and an error has its position in the file.
func TestExceptionsFile(t *testing.T) {
	folder, m := t.TempDir(), Machine{Now: time.Now}
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(folder, "more.yaml"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	text := quiet + "listeners: [{service: imaps, backend: b, exceptions_file: more.yaml, exceptions: [{networks: [10.0.0.0/8], policy: compat, until: 2099-01-01}]}]"
	write("- {networks: [192.0.2.0/24], policy: opportunistic, until: 2099-01-01, weak_login: true}\n- {networks: [192.0.2.1], policy: compat, until: 2001-01-01}\n")
	c, err := m.Parse(filepath.Join(folder, "a.yaml"), []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if all := c.Listeners[0].Exceptions; len(all) != 2 || all[1].Name() != "192.0.2.0/24" || !all[1].WeakLogin {
		t.Errorf("%+v", all)
	}
	write("[]\n")
	if c, err := m.Parse(filepath.Join(folder, "a.yaml"), []byte(text)); err != nil || len(c.Listeners[0].Exceptions) != 1 {
		t.Errorf("an empty list: %v", err)
	}
	for faulty, want := range map[string]string{
		"- {networks: [192.0.2.0/24], policy: open, until: 2099-01-01}": "more.yaml:1:38: ",
		"- {network: [192.0.2.0/24]}":                                   "more.yaml:1:4: ",
		"{}":                                                            "more.yaml:1:1: ",
		"":                                                              "more.yaml: the file is empty",
		"- [":                                                           "more.yaml:2:1: not YAML",
	} {
		write(faulty + "\n")
		if _, err := m.Parse(filepath.Join(folder, "a.yaml"), []byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", faulty, err)
		}
	}
}
