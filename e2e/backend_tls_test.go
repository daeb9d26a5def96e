package e2e

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/letterlock/letterlock/e2e/world"
	"github.com/letterlock/letterlock/internal/test/authority"
)

// TestTLSToTheBackend logs in at 127.0.0.2, where Dovecot trusts no address and
// accepts no plaintext password: a login there uses TLS, as its log confirms.
func TestTLSToTheBackend(t *testing.T) {
	b := believers(t)
	p := b.Ports
	chain, _ := authority.PEM(t, authority.New(t).ECDSA(t, "mail.example.com"))
	foreign := filepath.Join(t.TempDir(), "ca.pem")
	writeFile(t, foreign, string(chain))
	named := "server_name: mail.example.com, "
	ours := named + "ca: " + shared.caFile
	top := "backends:\n"
	var all []world.Listener
	addAt := func(host, name, service string, port int, keys string) {
		top += fmt.Sprintf("  - {name: %s, addresses: ['%s:%d'], %s}\n", name, host, port, keys)
		all = append(all, world.Listener{Name: name, Service: service, Keys: []string{"backend: " + name}})
	}
	add := func(name, service string, port int, keys string) { addAt("127.0.0.2", name, service, port, keys) }
	add("imap-starttls", "imaps", p.IMAP, "tls: starttls, "+ours)
	add("imap-tls", "imaps", p.IMAPS, "tls: tls, "+ours)
	add("pop3-starttls", "pop3s", p.POP3, "tls: starttls, "+ours)
	add("sieve-starttls", "sieve", p.Sieve, "tls: starttls, "+ours)
	add("submission-starttls", "submissions", p.Submission, "tls: starttls, "+ours)
	add("imap-pin", "imaps", p.IMAP, "tls: starttls, pin: ["+pinOf(t, b.Certificate.Cert)+"]")
	add("imap-anybody", "imaps", p.IMAP, "tls: starttls, verify: false")
	add("imap-floor", "imaps", p.IMAPS, "tls: tls, min_version: '1.3', "+ours)
	good := len(all)
	add("imap-other-ca", "imaps", p.IMAP, "tls: starttls, "+named+"ca: "+foreign)
	add("imap-other-name", "imaps", p.IMAP, "tls: starttls, ca: "+shared.caFile)
	add("imap-other-pin", "imaps", p.IMAP, "tls: starttls, pin: ["+pinOf(t, foreign)+"]")
	addAt("127.0.0.1", "imap-no-starttls", "imaps", needsServers(t).Ports.IMAP, "tls: starttls, verify: false")
	l := serveCustom(t, top, all...)
	who := account{"bob", world.BelieverPassword}
	for i, each := range all {
		t.Run(each.Name, func(t *testing.T) {
			mark, ours := b.Dovecot.Log.Mark(), l.Log.Mark()
			if i < good {
				if !enters(t, l, each.Name, who) {
					t.Fatal("no login")
				}
				awaitIn(t, b.Dovecot, mark, "Login: user=<bob>", "lip=127.0.0.2", "TLS")
				return
			}
			c, _ := dialFrom(t, clientAddress, l.Address(each.Name))
			c.startTLS()
			c.expect("* BYE [UNAVAILABLE]")
			awaitIn(t, l.Process, ours, ": error: session", "outcome=backend-tls")
		})
	}
}

// pinOf returns the pin of a certificate's key, by the openssl commands in
// docs/backends.md.
func pinOf(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(text)
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(cert.RawSubjectPublicKeyInfo)
	return base64.StdEncoding.EncodeToString(sum[:])
}
