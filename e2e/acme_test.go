package e2e

import (
	"crypto/tls"
	"fmt"
	"net"
	"strings"
	"testing"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/letterlock/letterlock/e2e/world"
	"github.com/letterlock/letterlock/internal/resolver"
	"github.com/letterlock/letterlock/internal/test/pebble"
	"github.com/letterlock/letterlock/internal/test/wait"
)

// TestDNS01WithKnot gets a wildcard by DNS updates with a TSIG key. The CA asks the
// secondary, which gets the records after the primary.
func TestDNS01WithKnot(t *testing.T) {
	const zone = "zone.example"
	servers, processes, err := needsServers(t).StartKnot(world.Zone{Name: zone})
	for _, p := range processes {
		atEnd(t, p.Stop)
	}
	if err != nil {
		t.Fatal(err)
	}
	ca := pebble.New(t)
	ca.Start(t, pebble.Options{Resolver: servers.Secondary, HTTP: 1, TLS: 1})
	l := serveCustom(t, fmt.Sprintf("acme: {directory: %q, ca_roots: %s, one_certificate: true, dns: {method: rfc2136, server: %q, credentials: %s, resolver: %q}}",
		ca.Directory, ca.RootsFile(t), servers.Primary, servers.KeyFile, servers.Primary),
		world.Listener{Name: "imaps", Service: "imaps", Backend: 1, Keys: []string{`acme_hosts: ["*.zone.example", zone.example]`}})
	awaitIn(t, l.Process, 0, "certificate from the CA", "key=p256")
	awaitIn(t, l.Process, 0, "certificate from the CA", "key=rsa2048")
	wait.Until(t, "the wildcard is not served", func() bool {
		conn, err := tls.Dial("tcp", l.Address("imaps"), &tls.Config{ServerName: "mail." + zone, RootCAs: ca.Issued})
		if err != nil {
			return false
		}
		return conn.Close() == nil
	})
	for _, server := range []string{servers.Primary, servers.Secondary} {
		r := resolver.Resolver{Address: server}
		wait.Until(t, "a record is left at "+server, func() bool {
			answer, err := r.Ask(t.Context(), "_acme-challenge."+zone, dnsmessage.TypeTXT)
			return err == nil && len(answer.Records) == 0
		})
		if answer, err := r.Ask(t.Context(), "other."+zone, dnsmessage.TypeTXT); err != nil || len(answer.Records) != 1 {
			t.Errorf("other records at %s: %v, %v", server, answer, err)
		}
	}
	for _, line := range l.Log.Since(0) {
		if strings.Contains(line, "bGV0dGVybG9jay") {
			t.Errorf("the key is in the log: %s", line)
		}
	}
}

// A DNS server that refuses the change, or is down, is named with a remedy.
func TestDNS01Refused(t *testing.T) {
	servers, processes, err := needsServers(t).StartKnot(world.Zone{Name: "refused.example"})
	for _, p := range processes {
		atEnd(t, p.Stop)
	}
	if err != nil {
		t.Fatal(err)
	}
	ca := pebble.New(t)
	ca.Start(t, pebble.Options{Resolver: servers.Secondary, HTTP: 1, TLS: 1})
	host, _, _ := net.SplitHostPort(servers.Secondary)
	l := serveCustom(t, fmt.Sprintf("acme: {directory: %q, ca_roots: %s, dns: {method: rfc2136, server: %q, credentials: %s, resolver: %q}}",
		ca.Directory, ca.RootsFile(t), servers.Secondary, servers.KeyFile, host),
		world.Listener{Name: "imaps", Service: "imaps", Backend: 1, Keys: []string{`acme_hosts: ["*.refused.example"]`}})
	awaitIn(t, l.Process, 0, "no certificate from the CA", "cannot be set", "remedy=", "acme.dns")
}
