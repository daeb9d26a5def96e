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
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/letterlock/letterlock/configs"
	"github.com/letterlock/letterlock/internal/certs"
	"github.com/letterlock/letterlock/internal/test/authority"
	"github.com/letterlock/letterlock/internal/test/nameserver"
	"github.com/letterlock/letterlock/internal/test/pebble"
	"github.com/letterlock/letterlock/internal/test/wait"
	"github.com/letterlock/letterlock/proxy"
	"github.com/letterlock/letterlock/tlspolicy/mtasts"
)

// words runs the program as a shell would.
func words(args ...string) (status int, out, err string) {
	var o, e bytes.Buffer
	status = run(args, newUI(&o, &e))
	return status, o.String(), e.String()
}

func writeFile(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "letterlock.yaml")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// From a configuration to what clients see: a self-signed certificate first,
// then that of the CA, the MTA-STS policy by HTTPS, the records to publish.
func TestACMEFromConfigurationToClients(t *testing.T) {
	ca, dns := pebble.New(t), nameserver.New(t)
	for _, name := range []string{"mail.example.test", "mta-sts.example.test"} {
		dns.Set(name, &dnsmessage.AResource{A: [4]byte{127, 0, 0, 1}})
	}
	file := writeFile(t, fmt.Sprintf(`
hostname: mail.example.test
state_dir: %s
acme: {email: postmaster@example.test, directory: %q, ca_roots: %s, http: "127.0.0.1:0", tls_alpn: "127.0.0.1:0"}
mta_sts: {domains: [example.test], mode: enforce}
listeners: [{service: imaps, listen: "127.0.0.1:0", backend: "127.0.0.1:1"}]
`, filepath.Join(t.TempDir(), "state"), ca.Directory, ca.RootsFile(t)))
	c, err := configs.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	if status, _, said := words("tlsa", "--config", file); status != exitFailed || !strings.Contains(said, "no certificate yet") {
		t.Errorf("tlsa before the first start: %d %s", status, said)
	}
	imaps, web := serveWith(t, c, ca, dns)
	policy := policyOf(c.MTASTS)
	if got := get(t, ca, web, "https://mta-sts.example.test"+mtasts.Path); got != policy.Text() {
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

// serveWith runs the proxy until all certificates are there.
func serveWith(t *testing.T, c *configs.Config, ca *pebble.CA, dns *nameserver.Server) (imaps, web string) {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	g, err := newGeneration(c, nil, log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(g.supply.close)
	server := &proxy.Server{Observer: proxy.SessionLog{Log: log}, Log: log}
	if err := server.Listen(g.Generation); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Shutdown(context.Background()) })
	server.Serve()
	imaps = server.Addresses()[0].String()
	if leaf := peer(t, imaps, "mail.example.test")[0]; leaf.Issuer.String() != leaf.Subject.String() {
		t.Errorf("before the CA is up, the certificate is of %s", leaf.Issuer)
	}
	addresses := g.supply.keeper.Addresses()
	last := addresses[len(addresses)-1] // of TLS-ALPN-01, if that is configured
	ca.Start(t, pebble.Options{HTTP: addresses[0].(*net.TCPAddr).Port, TLS: last.(*net.TCPAddr).Port, Resolver: dns.Address})
	g.supply.begin()
	wait.Until(t, "no certificates", func() bool {
		return len(g.supply.keeper.Certificates(c.ACMEHosts())) == 2*len(c.ACMEHosts())
	})
	return imaps, last.String()
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

// While a key is missing, the self-signed one stands in for it, and no longer.
func TestMakeshiftStandsInForMissingKeys(t *testing.T) {
	file := writeFile(t, "hostname: mail.example.test\nstate_dir: "+t.TempDir()+"\nacme: {http: \"127.0.0.1:0\"}\nlisteners: [{service: imaps, backend: b}]\n")
	c, err := configs.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	stored := authority.New(t).ECDSA(t, "mail.example.test")
	chain, key := authority.PEM(t, stored)
	if err := os.MkdirAll(acmeDir(c), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(acmeDir(c), "mail.example.test"), append(key, chain...), 0o600); err != nil {
		t.Fatal(err)
	}
	store := certs.NewStore(nil)
	supply, err := newACME(c, stores{c.Served()[0].Key(): store}, nil, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(supply.close)
	got := store.Certificates()
	if len(got) != 2 || !got[0].Leaf.Equal(stored.Leaf) || got[1].Leaf.PublicKeyAlgorithm != x509.RSA {
		t.Errorf("%d certificates", len(got))
	}
}

func TestACMEFiles(t *testing.T) {
	write := func(text string) string {
		name := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	for text, want := range map[string]string{"c2VjcmV0LWtleQ\n": "secret-key", "c2VjcmV0LWtleQ==": "secret-key", "_-8": "\xff\xef"} {
		if key, err := readEABKey(write(text)); err != nil || string(key) != want {
			t.Errorf("%q: %q, %v", text, key, err)
		}
	}
	for _, text := range []string{"", "two words", "a+b/"} {
		if _, err := readEABKey(write(text)); err == nil || text != "" && strings.Contains(err.Error(), text) {
			t.Errorf("%q: %v", text, err)
		}
	}
	c := &configs.Config{ACME: &configs.ACME{CARoots: write("nothing")}}
	if _, _, err := acmeOptions(c); err == nil || !strings.Contains(err.Error(), "PEM") {
		t.Error(err)
	}
	c = &configs.Config{StateDir: "/s", ACME: &configs.ACME{Directory: "https://ca.example.com:14000/v2/../dir"}}
	if got := acmeDir(c); got != "/s/acme/ca.example.com_14000_v2_.._dir" {
		t.Error(got)
	}
}

func TestMTASTSCommand(t *testing.T) {
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
	if strings.Contains(out, "THIS IS NOT") {
		t.Error(out)
	}
	if _, out, _ = words("mta-sts", "--config", file, "--mode", "enforce", "--mx", "MX.example.com.,*.example.net"); !strings.Contains(out, "THIS IS NOT") || !strings.Contains(out, "mx: *.example.net") {
		t.Error(out)
	}
	if _, out, _ = words("mta-sts", "--config", file, "--domain", "Bücher.example.", "--mx", "*.bücher.example", "--report", "tls@bücher.example"); !strings.Contains(out, "\n_mta-sts.xn--bcher-kva.example. IN TXT") || !strings.Contains(out, "mx: *.xn--bcher-kva.example") || !strings.Contains(out, "mailto:tls@xn--bcher-kva.example") {
		t.Error(out)
	}
	if status, _, said := words("mta-sts", "--config", file, "--domain", "a b"); status != exitUsage || !strings.Contains(said, `--domain: "a b" is no domain name`) {
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

// Terms that are the same text one behind the other are not the same terms.
func TestACMETermsTellAddressesApart(t *testing.T) {
	http := &configs.Config{ACME: &configs.ACME{HTTP: ":8080"}}
	alpn := &configs.Config{ACME: &configs.ACME{TLSALPN: ":8080"}}
	_, first, err := acmeOptions(http)
	if err != nil {
		t.Fatal(err)
	}
	_, second, err := acmeOptions(alpn)
	if err != nil {
		t.Fatal(err)
	}
	if first == second {
		t.Error("HTTP-01 and TLS-ALPN-01 on one address have the same terms")
	}
}
