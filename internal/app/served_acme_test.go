package app

import (
	"fmt"
	"strings"
	"testing"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/letterlock/letterlock/internal/certs"
	"github.com/letterlock/letterlock/internal/observe/page"
	"github.com/letterlock/letterlock/internal/test/loopback"
	"github.com/letterlock/letterlock/internal/test/nameserver"
	"github.com/letterlock/letterlock/internal/test/pebble"
	"github.com/letterlock/letterlock/internal/test/wait"
)

// A CA issues a certificate without the intermediate that leads to its root, so that
// clients refuse it. The certificate before it is served again, also after a reload, and
// the next one that clients accept is used.
func TestH27_CertificateOfTheCAIsRefused(t *testing.T) {
	t.Parallel()
	ca, dns := pebble.New(t), nameserver.New(t)
	names := []string{"mail.example.test", "imap.example.test", "pop.example.test"}
	for _, name := range names {
		dns.Set(name, &dnsmessage.AResource{A: loopback.IPv4()})
	}
	address := loopback.FreeAddress(t)
	port := 0
	if _, err := fmt.Sscanf(address[strings.LastIndex(address, ":"):], ":%d", &port); err != nil {
		t.Fatal(err)
	}
	ca.Start(t, pebble.Options{HTTP: port, Resolver: dns.Address})
	roots := ca.RootsFile(t)
	with := func(n int) string {
		return fmt.Sprintf("hostname: mail.example.test\nprobe: false\nacme: {directory: %q, ca_roots: %s, http: %q, keys: [p256], one_certificate: true, hosts: [%s]}\n",
			ca.Directory, roots, address, strings.Join(names[:n], ", ")) + "listeners:\n  - {service: imaps, listen: \"{host}:0\", backend: \"{imap}\"}\n"
	}
	w := newWorld(t, with(1), func(w *world) { w.trusted, w.ca.Pool = true, ca.Issued })
	served := func() int { // the names of the certificate that clients get from the CA
		leaf := peer(t, w.Addresses()[0].String(), names[0])[0]
		if certs.IsSelfSigned(leaf) {
			return 0
		}
		return len(leaf.DNSNames)
	}
	wait.Until(t, "there is no certificate", func() bool { return served() == 1 })
	w.Proxy.served.check(t.Context(), w.now.Load(), w.Addresses()) // accepts it
	first := w.leaf()

	ca.LeaveOutIntermediates(true)
	w.configure(with(2))
	w.Reload()
	rejected := func(c page.ServedCheck) bool { return c.Rejected }
	r := w.checked(rejected)[0]
	if w.leaf() != first || !strings.Contains(r.Problem, "trust") || r.Remedy == "" {
		t.Errorf("%d names are served; %+v", served(), r)
	}
	wait.Until(t, "the rejection is not logged", func() bool { return strings.Contains(w.log.String(), "a new certificate is not used") })
	w.Reload()
	w.checked(rejected)
	wait.Until(t, "after a reload the refused certificate is served", func() bool { return w.leaf() == first })

	w.restart()
	if w.opened != first || w.leaf() != first {
		t.Error("after a restart the refused certificate is served")
	}
	w.checked(rejected)
	if orders, _ := w.now.Load().acme.shown(); orders[0].Refusals != 1 || !strings.Contains(orders[0].Problem, "trust") || !strings.Contains(orders[0].Remedy, "another certificate is ordered at") {
		t.Errorf("%+v", orders)
	}

	ca.LeaveOutIntermediates(false)
	w.configure(with(3))
	w.Reload()
	wait.Until(t, "the next good certificate is not used", func() bool { return served() == 3 })
	w.checked(accepted)
	w.restart()
	if served() != 3 {
		t.Error("after a restart another certificate than the accepted one is served")
	}
}
