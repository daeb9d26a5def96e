package app

import (
	"crypto/tls"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/letterlock/letterlock/internal/test/authority"
	"github.com/letterlock/letterlock/internal/test/loopback"
	"github.com/letterlock/letterlock/internal/test/nameserver"
	"github.com/letterlock/letterlock/internal/test/pebble"
	"github.com/letterlock/letterlock/internal/test/wait"
)

// own is a configuration with one listener that uses the general certificates,
// and one with its own.
const own = `
hostname: mail.example.com
certificates: [{cert: cert.pem, key: key.pem}]
listeners:
  - {service: imaps, listen: "{host}:0", backend: "{imap}"}
  - service: pop3s
    listen: "{host}:0"
    backend: "{pop3}"
    certificates: [{cert: pop.pem, key: pop.key}, {cert: wild.pem, key: wild.key}]
`

// write writes a certificate to files of a folder.
func write(t *testing.T, folder, name string, cert tls.Certificate) {
	t.Helper()
	chain, key := authority.PEM(t, cert)
	for ending, text := range map[string][]byte{".pem": chain, ".key": key} {
		path := filepath.Join(folder, name+ending)
		if err := os.WriteFile(path+".new", text, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(path+".new", path); err != nil {
			t.Fatal(err)
		}
	}
}

// newOwnWorld starts with one certificate, and then reloads: the other files do
// not exist before.
func newOwnWorld(t *testing.T) (w *world, pop, wild tls.Certificate) {
	t.Helper()
	w = newWorld(t, "hostname: mail.example.com"+imaps)
	pop, wild = w.ca.RSA(t, "pop.example.com"), w.ca.ECDSA(t, "*.example.com")
	write(t, w.folder, "pop", pop)
	write(t, w.folder, "wild", wild)
	w.configure(own)
	w.Reload()
	return w, pop, wild
}

// A listener's own certificates are the only ones that it serves, and nobody
// else does; they are chosen by name, and reloaded.
func TestCertificatesOfAListener(t *testing.T) {
	t.Parallel()
	w, pop, wild := newOwnWorld(t)
	general := w.served()
	wants := func(i int, name string, want tls.Certificate) {
		t.Helper()
		conn, err := w.dial(i, func(c *tls.Config) { c.ServerName, c.InsecureSkipVerify = name, true })
		if err != nil {
			t.Fatal(err)
		}
		if got := conn.ConnectionState().PeerCertificates[0]; !got.Equal(want.Leaf) {
			t.Errorf("listener %d serves %s for %q", i, got.DNSNames, name)
		}
	}
	for _, name := range []string{"mail.example.com", "pop.example.com", "", "other.example.net"} {
		wants(0, name, tls.Certificate{Leaf: general})
	}
	wants(1, "pop.example.com", pop)
	wants(1, "mail.example.com", wild)
	wants(1, "", pop)

	wild = w.ca.ECDSA(t, "*.example.com")
	write(t, w.folder, "wild", wild)
	w.now.Load().maintenance.files.Look()
	w.now.Load().maintenance.files.Look()
	wants(1, "mail.example.com", wild)
	wants(0, "mail.example.com", tls.Certificate{Leaf: general})

	shown := w.now.Load().shownCertificates()
	at := loopback.Host() + ":0"
	if len(shown) != 3 || fmt.Sprint(shown[0].Listeners) != "[imaps on "+at+"]" || fmt.Sprint(shown[2].Listeners, shown[2].Names) != "[pop3s on "+at+"] [*.example.com]" {
		t.Errorf("the status page shows %+v", shown)
	}
	if strings.Contains(w.log.String(), "no certificate is for the hostname") {
		t.Errorf("a listener's own certificate need not be for the hostname:\n%s", w.log)
	}
	w.configure(imaps)
	w.Reload()
	if shown := w.now.Load().shownCertificates(); len(shown) != 1 || shown[0].Listeners != nil {
		t.Errorf("the status page shows %+v", shown)
	}
}

// By ACME, too, each listener has what it is to have; a reload keeps the keeper
// if it can, and the sockets if it cannot.
func TestACMEOfAListener(t *testing.T) {
	t.Parallel()
	ca, dns := pebble.New(t), nameserver.New(t)
	for _, name := range []string{"mail.example.test", "imap.example.test", "new.example.test"} {
		dns.Set(name, &dnsmessage.AResource{A: loopback.IPv4()})
	}
	const text = `
hostname: mail.example.test
acme: {directory: %q, ca_roots: %s, http: %q}
listeners:
  - {service: pop3s, listen: "{host}:0", backend: "{pop3}"}
  - {service: imaps, listen: "{host}:0", backend: "{imap}", acme_hosts: [%s]}
`
	http, err := net.ResolveTCPAddr("tcp", loopback.FreeAddress(t))
	if err != nil {
		t.Fatal(err)
	}
	ca.Start(t, pebble.Options{HTTP: http.Port, Resolver: dns.Address}) // before the first order, which is not repeated for a minute
	with := func(hosts string) string { return fmt.Sprintf(text, ca.Directory, ca.RootsFile(t), http, hosts) }
	w := newWorld(t, with("imap.example.test"))
	manager := w.now.Load().acme
	names := func(i int) string { return fmt.Sprint(peer(t, w.Addresses()[i].String(), "")[0].DNSNames) }
	wait.Until(t, "no certificates", func() bool { return names(0) == "[mail.example.test]" && names(1) == "[imap.example.test]" })

	w.Reload()
	if w.now.Load().acme != manager || names(1) != "[imap.example.test]" || len(manager.clients) != 2 {
		t.Errorf("the keeper was replaced, or has %d stores", len(manager.clients))
	}
	w.configure(with("new.example.test"))
	w.Reload()
	next := w.now.Load().acme
	if next == manager || next.keeper.Addresses()[0].String() != http.String() {
		t.Fatalf("challenges are answered on %s", next.keeper.Addresses()[0])
	}
	wait.Until(t, "no certificate of the other name", func() bool { return names(0) == "[mail.example.test]" && names(1) == "[new.example.test]" })

	// A refused configuration changes nothing.
	w.configure(with("new.example.test, imap.example.test") + "  - {service: imap, backend: \"{imap}\", listen: \"" + http.String() + "\"}\n")
	w.Reload()
	if w.now.Load().acme != next {
		t.Error("a refused configuration has another keeper")
	}
	conn, err := net.Dial("tcp", http.String())
	if err != nil {
		t.Fatal("challenges are no longer answered")
	}
	_ = conn.Close()
}
