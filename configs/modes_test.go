package configs

import (
	"slices"
	"strings"
	"testing"

	"github.com/letterlock/letterlock/internal/filemode"
)

// every is a configuration with each key that names a file.
const every = `hostname: mail.example.com
state_dir: /state
ticket_secret: /secret
certificates: [{cert: /cert, key: /key}]
acme: {hosts: [mail.example.com], ca_roots: /roots, eab: {kid: k, key_file: /eab}}
smarthost: {ca: /smart/ca, client_certificate: {cert: /smart/cert, key: /smart/key}, destinations: [{domains: [a.example], ca: /smart/a, level: secure}]}
backends: [{name: b, addresses: ["unix:/run/b"], tls: tls, ca: /b/ca, server_name: b.example}]
listeners:
  - {service: smarthost}
  - {service: imaps, backend: "unix:/run/imap", certificates: [{cert: /own/cert, key: /own/key}], client_certificates: request, client_ca: /clients, routes: /routes}
  - {service: smtp, backend: b, recipients_file: /recipients}
`

// Every file is checked as its kind, and every finding has its position and
// remedy.
func TestFilesAreLookedAt(t *testing.T) {
	var looked []string
	m := Elsewhere("")
	m.Modes = func(kind FileKind, path string) []filemode.Finding {
		looked = append(looked, []string{"public", "secret", "socket", "folder"}[kind]+" "+path)
		return []filemode.Finding{{Text: "open " + path, Remedy: "chmod " + path}, {Text: "open /", Remedy: "chmod /"}}
	}
	c, err := m.Parse("/etc/letterlock.yaml", []byte(every))
	if err != nil {
		t.Fatal(err)
	}
	var reported []string
	for _, w := range Warnings(c) {
		if strings.HasPrefix(w.Problem, "open ") {
			reported = append(reported, w.String())
		}
	}
	want := []string{
		"public /etc/letterlock.yaml", "folder /state", "secret /secret", "public /cert", "secret /key", "public /roots", "secret /eab",
		"public /smart/ca", "public /smart/cert", "secret /smart/key", "public /smart/a", "public /b/ca", "socket /run/b",
		"public /own/cert", "secret /own/key", "socket /run/imap", "public /clients", "public /routes", "public /recipients",
	}
	if !slices.Equal(looked, want) {
		t.Errorf("looked at\n%s\nnot\n%s", strings.Join(looked, "\n"), strings.Join(want, "\n"))
	}
	if len(reported) != len(want)+1 {
		t.Errorf("%d warnings, and one of them once: %q", len(reported), reported)
	}
	if place := "/etc/letterlock.yaml:10:87: listeners[1].certificates[0].key: open /own/key\n  chmod /own/key"; !slices.Contains(reported, place) {
		t.Errorf("not %q in %q", place, reported)
	}
}

// Findings about flags and variables have names instead of positions.
func TestFilesOfVariablesAreLookedAt(t *testing.T) {
	m := Elsewhere("mail.example.com")
	m.Modes = func(kind FileKind, path string) []filemode.Finding {
		if kind != SecretFile {
			return nil
		}
		return []filemode.Finding{{Text: "open " + path, Remedy: "chmod " + path}}
	}
	c, err := m.Simple(Quick{Backend: "b", Cert: "/cert", Key: "/key"})
	if err != nil {
		t.Fatal(err)
	}
	if all := Warnings(c); len(all) != 1 || all[0].String() != "LETTERLOCK_KEY: open /key\n  chmod /key" {
		t.Errorf("%v", all)
	}
}
