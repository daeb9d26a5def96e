package app

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/letterlock/letterlock/internal/test/authority"
)

// heldSession is a client's cache that offers one session everywhere.
type heldSession struct{ state *tls.ClientSessionState }

func (h *heldSession) Get(string) (*tls.ClientSessionState, bool) { return h.state, h.state != nil }

func (h *heldSession) Put(_ string, state *tls.ClientSessionState) {
	if state != nil {
		h.state = state
	}
}

// resumes makes a handshake with a listener and reports whether the held
// session was resumed. Afterwards it holds the new session.
func (w *world) resumes(i int, held *heldSession, version uint16, name string) bool {
	w.Helper()
	conn, err := w.dial(i, func(c *tls.Config) {
		c.ClientSessionCache, c.MaxVersion, c.ServerName, c.InsecureSkipVerify = held, version, name, true
	})
	if err != nil {
		w.Fatal(err)
	}
	defer conn.Close()
	if _, err := bufio.NewReader(conn).ReadString('\n'); err != nil { // the ticket arrives before the greeting
		w.Fatal(err)
	}
	return conn.ConnectionState().DidResume
}

// apart are listeners that differ from the first in one setting each.
var apart = map[string]string{
	"nothing":             `{service: imaps, %s}`,
	"certificates":        `{service: imaps, certificates: [{cert: other.pem, key: other.key}], %s}`,
	"one more":            `{service: imaps, certificates: [{cert: cert.pem, key: key.pem}, {cert: other.pem, key: other.key}], %s}`,
	"sni":                 `{service: imaps, sni: strict, %s}`,
	"policy":              `{service: imaps, policy: same-as-strict, %s}`,
	"exception":           `{service: imaps, exceptions: [{networks: [127.0.0.0/8], policy: strict, until: 2099-12-31}], %s}`,
	"exception for more":  `{service: imaps, exceptions: [{networks: [127.0.0.0/8, 10.0.0.0/8], policy: strict, until: 2099-12-31}], %s}`,
	"exception and login": `{service: imaps, exceptions: [{networks: [127.0.0.0/8], policy: strict, until: 2099-12-31, weak_login: true}], %s}`,
	"client certificates": `{service: imaps, client_certificates: request, client_ca: ca.pem, %s}`,
	"service":             `{service: imap, %s}`,
}

const ticketBase = `
ticket_secret: secret
certificates: [{cert: cert.pem, key: key.pem}]
policies: [{name: same-as-strict, base: strict}]
listeners:
  - {service: imaps, listen: "{host}:0", backend: "{imap}"}
`

func ticketWorld(t *testing.T, text string) *world {
	t.Helper()
	files := map[string][]byte{"secret": []byte(strings.Repeat("0123456789", 5))}
	files["other.pem"], files["other.key"] = authority.PEM(t, authority.New(t).ECDSA(t, "mail.example.com"))
	return newWorld(t, text, func(w *world) {
		for name, text := range files {
			if err := os.WriteFile(filepath.Join(w.folder, name), text, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// H10: a session is resumed only where all is the same: certificates, the rule
// for server names, the policy, the exception, the service.
func TestH10_AcrossListeners(t *testing.T) {
	t.Parallel()
	text := ticketBase
	names := slices.DeleteFunc(slices.Sorted(maps.Keys(apart)), func(name string) bool { return name == "service" }) // it sends a greeting before TLS
	for _, name := range names {
		text += "  - " + fmt.Sprintf(apart[name], `listen: "{host}:0", backend: "{imap}"`) + "\n"
	}
	w := ticketWorld(t, text)
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		for i, from := range append([]string{"nothing"}, names...) {
			for j, to := range append([]string{"nothing"}, names...) {
				held := &heldSession{}
				w.resumes(i, held, version, "mail.example.com")
				want := from == to && from != "client certificates"
				if got := w.resumes(j, held, version, "mail.example.com"); got != want {
					t.Errorf("%#x: a session of the listener with another %q is resumed at the one with another %q: %t", version, from, to, got)
				}
			}
		}
	}
}

// H10: nor is it resumed after a reload that changes any of that.
func TestH10_AfterAReload(t *testing.T) {
	t.Parallel()
	w := ticketWorld(t, ticketBase)
	listener := `{service: imaps, listen: "{host}:0", backend: "{imap}"}`
	changed := map[string]string{
		"all certificates": strings.Replace(ticketBase, "cert: cert.pem, key: key.pem", "cert: other.pem, key: other.key", 1),
		"self-signed":      strings.Replace(ticketBase, "certificates: [{cert: cert.pem, key: key.pem}]", "hostname: mail.example.com", 1),
	}
	for name, text := range apart {
		if name != "service" && name != "nothing" {
			changed[name] = strings.Replace(ticketBase, listener, fmt.Sprintf(text, `listen: "{host}:0", backend: "{imap}"`), 1)
		}
	}
	own := strings.Replace(ticketBase, listener, fmt.Sprintf(apart["policy"], `listen: "{host}:0", backend: "{imap}"`), 1)
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		load := func(text string) {
			w.configure(text)
			w.Reload()
		}
		for name, text := range changed {
			held := &heldSession{}
			load(ticketBase)
			w.resumes(0, held, version, "mail.example.com")
			load(text)
			if w.resumes(0, held, version, "mail.example.com") {
				t.Errorf("%#x: a session is resumed after a change of %s", version, name)
			}
		}
		held := &heldSession{}
		load(own)
		w.resumes(0, held, version, "mail.example.com")
		load(strings.Replace(own, "base: strict", "base: strict, groups: [X25519, P-256]", 1))
		if w.resumes(0, held, version, "mail.example.com") {
			t.Errorf("%#x: a session is resumed after a change of the policy's rules", version)
		}
		load(strings.Replace(own, "base: strict", "base: strict, groups: [X25519, P-256]", 1) + "log: {level: debug}\n")
		if !w.resumes(0, held, version, "mail.example.com") {
			t.Errorf("%#x: a session is not resumed although no relevant setting has changed", version)
		}
	}
}

// H10: a session is resumed under its own server name alone, so that sni:
// strict counts for it too.
func TestH10_OtherServerName(t *testing.T) {
	t.Parallel()
	w := ticketWorld(t, ticketBase+"  - "+fmt.Sprintf(apart["sni"], `listen: "{host}:0", backend: "{imap}"`)+"\n")
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		held := &heldSession{}
		w.resumes(0, held, version, "mail.example.com")
		if !w.resumes(0, held, version, "MAIL.example.com") {
			t.Errorf("%#x: the case of the server name matters", version)
		}
		for _, name := range []string{"other.example.com", ""} {
			w.resumes(0, held, version, "mail.example.com")
			if w.resumes(0, held, version, name) {
				t.Errorf("%#x: the session is resumed for %q", version, name)
			}
		}
		held = &heldSession{}
		w.resumes(1, held, version, "mail.example.com")
		_, err := w.dial(1, func(c *tls.Config) {
			c.ClientSessionCache, c.MaxVersion, c.ServerName, c.InsecureSkipVerify = held, version, "other.example.com", true
		})
		if err == nil || !strings.Contains(err.Error(), "unrecognized name") {
			t.Errorf("%#x: sni: strict lets a session in under another name: %v", version, err)
		}
	}
}
