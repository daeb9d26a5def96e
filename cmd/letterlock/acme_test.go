package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/letterlock/letterlock/configs"
	"github.com/letterlock/letterlock/internal/acme"
	"github.com/letterlock/letterlock/internal/app"
	"github.com/letterlock/letterlock/internal/test/loopback"
	"github.com/letterlock/letterlock/internal/test/nameserver"
	"github.com/letterlock/letterlock/internal/test/pebble"
	"github.com/letterlock/letterlock/internal/test/wait"
	"github.com/letterlock/letterlock/tlspolicy/mtasts"
)

// words runs the program with the words of a command line.
func words(args ...string) (status int, out, err string) {
	var o, e bytes.Buffer
	status = run(args, newUI(&o, &e))
	return status, o.String(), e.String()
}

func writeFile(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "letterlock.yaml")
	if err := os.WriteFile(name, []byte(strings.ReplaceAll(text, "{host}", loopback.Host())), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// A configuration with ACME leads to a certificate of the CA, the MTA-STS policy by
// HTTPS, and the records to publish.
func TestACMEFromConfigurationToClients(t *testing.T) {
	t.Parallel()
	ca, dns := pebble.New(t), nameserver.New(t)
	for _, name := range []string{"mail.example.test", "mta-sts.example.test"} {
		dns.Set(name, &dnsmessage.AResource{A: loopback.IPv4()})
	}
	file := writeFile(t, fmt.Sprintf(`
hostname: mail.example.test
state_dir: %s
acme: {email: postmaster@example.test, directory: %q, ca_roots: %s, http: %q, tls_alpn: %q}
mta_sts: {domains: [example.test], mode: enforce}
listeners: [{service: imaps, listen: "{host}:0", backend: "127.0.0.1:1"}]
`, filepath.Join(t.TempDir(), "state"), ca.Directory, ca.RootsFile(t), loopback.FreeAddress(t), loopback.FreeAddress(t)))
	c, err := configs.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	if status, _, said := words("tlsa", "--config", file); status != exitFailed || !strings.Contains(said, "no certificate yet") {
		t.Errorf("tlsa before the first start: %d %s", status, said)
	}
	imaps := serveWith(t, c, ca, dns)
	policy := app.MTASTSPolicy(c.MTASTS)
	if got := get(t, ca, c.ACME.TLSALPN, "https://mta-sts.example.test"+mtasts.Path); got != policy.Text() {
		t.Errorf("the policy is %q", got)
	}
	for _, sni := range []string{"mail.example.test", ""} {
		leaf := peer(t, imaps, sni)
		if _, err := leaf[0].Verify(x509.VerifyOptions{DNSName: "mail.example.test", Roots: ca.Issued, Intermediates: pool(leaf[1:])}); err != nil {
			t.Errorf("client with SNI %q: %v", sni, err)
		}
	}
	status, out, said := words("tlsa", "--config", file)
	if status != exitOK || strings.Contains(out, "mta-sts") || strings.Count(out, "stays, as the renewal keeps the key") != strings.Count(out, " IN TLSA 3 1 1 ") {
		t.Errorf("tlsa: %d %s%s", status, out, said)
	}
}

// serveWith runs the proxy until it has all certificates of the CA. The
// configuration names the addresses where challenges are answered.
func serveWith(t *testing.T, c *configs.Config, ca *pebble.CA, dns *nameserver.Server) (imaps string) {
	t.Helper()
	ca.Start(t, pebble.Options{HTTP: port(t, c.ACME.HTTP), TLS: port(t, c.ACME.TLSALPN), Resolver: dns.Address})
	imaps = serveConfig(t, c, slog.New(slog.DiscardHandler)).Addresses()[0].String()
	awaitCertificates(t, c)
	wait.Until(t, "the certificate is not served", func() bool {
		leaf := peer(t, imaps, "mail.example.test")[0]
		return leaf.Issuer.String() != leaf.Subject.String()
	})
	return imaps
}

// awaitCertificates waits until each name has a certificate for each type of key.
func awaitCertificates(t *testing.T, c *configs.Config) {
	t.Helper()
	wait.Until(t, "no certificates", func() bool {
		stored, err := acme.Stored(app.ACMEDir(c), c.ACMECertificates(), c.ACMEHosts())
		return err == nil && len(stored) == len(c.ACME.Keys)*len(c.ACMEHosts())
	})
}

func port(t *testing.T, address string) int {
	t.Helper()
	if address == "" {
		return 0
	}
	a, err := netip.ParseAddrPort(address)
	if err != nil {
		t.Fatal(err)
	}
	return int(a.Port())
}

func peer(t *testing.T, address, sni string) []*x509.Certificate {
	t.Helper()
	conn, err := tls.Dial("tcp", address, &tls.Config{ServerName: sni, InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	return conn.ConnectionState().PeerCertificates
}

func pool(all []*x509.Certificate) *x509.CertPool {
	p := x509.NewCertPool()
	for _, c := range all {
		p.AddCert(c)
	}
	return p
}

func get(t *testing.T, ca *pebble.CA, address, url string) string {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		TLSClientConfig:   &tls.Config{RootCAs: ca.Issued},
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, address)
		},
	}}
	res, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatal(res.Status, err)
	}
	return string(text)
}

func TestMTASTSCommand(t *testing.T) {
	t.Parallel()
	file := writeFile(t, `
hostname: mail.example.com
acme: {}
mta_sts: {domains: [example.com, example.net], mode: testing}
listeners: [{service: imaps, backend: b}]
`)
	status, out, _ := words("mta-sts", "--config", file)
	for _, want := range []string{
		"; https://mta-sts.example.com/.well-known/mta-sts.txt, served by letterlock on :443:\n", ";   mode: testing\n", ";   mx: mail.example.com\n",
		"\n_mta-sts.example.net. IN TXT \"v=STSv1; id=", "\nmta-sts.example.net. IN CNAME mail.example.com.",
		"\n_smtp._tls.example.com. IN TXT \"v=TLSRPTv1; rua=mailto:tls-reports@example.com\"\n",
	} {
		if status != exitOK || !strings.Contains(out, want) {
			t.Errorf("%d, no %q in\n%s", status, want, out)
		}
	}
	if strings.Contains(out, "OTHER VALUES") {
		t.Error(out)
	}
	if _, out, _ = words("mta-sts", "--config", file, "--mode", "enforce", "--mx", "MX.example.com.,*.example.net"); !strings.Contains(out, "OTHER VALUES") || !strings.Contains(out, "mx: *.example.net") {
		t.Error(out)
	}
	if _, out, _ = words("mta-sts", "--config", file, "--domain", "Bücher.example.", "--mx", "*.bücher.example", "--report", "tls@bücher.example"); !strings.Contains(out, "\n_mta-sts.xn--bcher-kva.example. IN TXT") || !strings.Contains(out, "mx: *.xn--bcher-kva.example") || !strings.Contains(out, "mailto:tls@xn--bcher-kva.example") {
		t.Error(out)
	}
	if status, _, said := words("mta-sts", "--config", file, "--domain", "a b"); status != exitUsage || !strings.Contains(said, `--domain: "a b" is not a domain name`) {
		t.Errorf("%d %s", status, said)
	}
	quick := []string{"mta-sts", "--backend", "10.0.0.5", "--hostname", "mail.example.com"}
	if status, out, _ := words(append(quick, "--domain", "example.org")...); status != exitOK || !strings.Contains(out, "your web server") {
		t.Errorf("%d %s", status, out)
	}
	if status, _, said := words(quick...); status != exitFailed || !strings.Contains(said, "--domain") {
		t.Errorf("%d %s", status, said)
	}
	if status, _, said := words("mta-sts", "--config", file, "--mode", "strict"); status != exitUsage || !strings.Contains(said, "enforce") {
		t.Errorf("%d %s", status, said)
	}
}
