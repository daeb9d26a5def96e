package main

import (
	"context"
	"crypto/tls"
	"encoding/xml"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2/imapclient"
	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
	"github.com/smallstep/pkcs7"
	"golang.org/x/net/dns/dnsmessage"

	"github.com/letterlock/letterlock/configs"
	"github.com/letterlock/letterlock/internal/autoconfig"
	"github.com/letterlock/letterlock/internal/demo"
	"github.com/letterlock/letterlock/internal/mailclient"
	"github.com/letterlock/letterlock/internal/test/loopback"
	"github.com/letterlock/letterlock/internal/test/nameserver"
	"github.com/letterlock/letterlock/internal/test/pebble"
	"github.com/letterlock/letterlock/internal/test/wait"
)

// setUp holds the settings that a mail program takes from an answer: a server, and the user name.
type setUp struct {
	protocol, host string
	port           int
	implicit       bool
	user           string
}

// Mail programs of each kind find the settings by HTTPS, and log in with them.
func TestAutoconfigMatchesListeners(t *testing.T) {
	t.Parallel()
	ca, dns := pebble.New(t), nameserver.New(t)
	for _, name := range []string{"mail.example.test", "imap.example.test", "autoconfig.example.test", "autodiscover.example.test"} {
		dns.Set(name, &dnsmessage.AResource{A: loopback.IPv4()})
	}
	servers, err := demo.Start(loopback.Host(), "mail.example.test")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = servers.Close() })
	file := writeFile(t, fmt.Sprintf(`
hostname: mail.example.test
state_dir: %s
probe: false
acme: {email: postmaster@example.test, directory: %q, ca_roots: %s, http: %q, tls_alpn: %q, keys: [rsa2048]}
autoconfig: {domains: [example.test], name: Example & Co., username: local_part}
listeners:
  - {service: submissions, listen: %q, backend: %q}
  - {service: submission, listen: %q, backend: %q}
  - {service: imaps, listen: %q, backend: %q, acme_hosts: [imap.example.test]}
  - {service: imap, listen: %q, backend: %q}
  - {service: pop3s, listen: %q, backend: %q}
`, filepath.Join(t.TempDir(), "state"), ca.Directory, ca.RootsFile(t), loopback.FreeAddress(t), loopback.FreeAddress(t),
		loopback.FreeAddress(t), servers.Submission(), loopback.FreeAddress(t), servers.Submission(),
		loopback.FreeAddress(t), servers.IMAP(), loopback.FreeAddress(t), servers.IMAP(), loopback.FreeAddress(t), servers.POP3()))
	c, err := configs.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	serveAll(t, c, ca, dns)
	p := program{t, ca, c.ACME.TLSALPN}
	for kind, found := range map[string][]setUp{"Thunderbird": p.thunderbird(), "Outlook": p.outlook(), "Apple": p.apple()} {
		for _, s := range found {
			if err := p.logIn(s); err != nil {
				t.Errorf("%s: %+v: %v", kind, s, err)
			}
			if s.protocol != "imap" && s.host != "mail.example.test" || s.implicit && s.protocol == "imap" && s.host != "imap.example.test" {
				t.Errorf("%s: no certificate has %s", kind, s.host)
			}
		}
	}
	for path, want := range map[string]int{
		autoconfig.ThunderbirdPath + "?emailaddress=joe@example.org": 404, "/.well-known/mta-sts.txt": 404, autoconfig.JSONPath + "?Protocol=AutodiscoverV1": 200,
	} {
		if status, _ := p.fetch("GET", "https://autoconfig.example.test"+path, ""); status != want {
			t.Errorf("%s: %d", path, status)
		}
	}
	status, out, said := words("dns", "--config", file)
	for _, record := range []string{"autoconfig.example.test. IN CNAME mail.example.test.\n", "autodiscover.example.test. IN CNAME mail.example.test.\n", " imap.example.test.\n"} {
		if status != exitOK || !strings.Contains(out, record) {
			t.Errorf("%d, no %q in %s%s", status, record, out, said)
		}
	}
	if _, out, _ := words("config", "check", "--config", file); !strings.Contains(out, "autoconfig: for example.test, served by HTTPS on "+c.ACME.TLSALPN+" as autoconfig.example.test, autodiscover.example.test\n") {
		t.Error(out)
	}
}

// program plays mail programs that set themselves up.
type program struct {
	t    *testing.T
	ca   *pebble.CA
	site string
}

func (p program) fetch(method, url, body string) (status int, text string) {
	p.t.Helper()
	client := &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: p.ca.Issued},
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, p.site)
		},
	}}
	r, err := http.NewRequestWithContext(p.t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	res, err := client.Do(r)
	if err != nil {
		p.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	read, err := io.ReadAll(res.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return res.StatusCode, string(read)
}

func (p program) thunderbird() (all []setUp) {
	type server struct {
		Type     string `xml:"type,attr"`
		Host     string `xml:"hostname"`
		Port     int    `xml:"port"`
		Socket   string `xml:"socketType"`
		Auth     string `xml:"authentication"`
		Username string `xml:"username"`
	}
	var config struct {
		XMLName  xml.Name `xml:"clientConfig"`
		Provider struct {
			Name     string   `xml:"displayName"`
			Domains  []string `xml:"domain"`
			Incoming []server `xml:"incomingServer"`
			Outgoing []server `xml:"outgoingServer"`
		} `xml:"emailProvider"`
	}
	_, text := p.fetch("GET", "https://autoconfig.example.test/mail/config-v1.1.xml?emailaddress=demo%40example.test", "")
	if err := xml.Unmarshal([]byte(text), &config); err != nil || config.Provider.Name != "Example & Co." || !slices.Equal(config.Provider.Domains, []string{"example.test"}) {
		p.t.Fatalf("%v in %s", err, text)
	}
	for _, s := range append(config.Provider.Incoming, config.Provider.Outgoing...) {
		if s.Auth != "password-cleartext" || s.Socket != "SSL" && s.Socket != "STARTTLS" {
			p.t.Errorf("%+v", s)
		}
		all = append(all, setUp{s.Type, s.Host, s.Port, s.Socket == "SSL", strings.ReplaceAll(s.Username, "%EMAILLOCALPART%", "demo")})
	}
	if len(all) != 5 {
		p.t.Errorf("%d servers in %s", len(all), text)
	}
	return all
}

func (p program) outlook() (all []setUp) {
	var found struct {
		Response struct {
			Account struct {
				AccountType, Action string
				Protocol            []struct {
					Type, Server             string
					Port                     int
					LoginName, Encryption    string
					SPA, SSL, DomainRequired string
				}
			}
		}
	}
	_, text := p.fetch("POST", "https://autodiscover.example.test/autodiscover/autodiscover.xml",
		`<Autodiscover xmlns="http://schemas.microsoft.com/exchange/autodiscover/outlook/requestschema/2006"><Request><EMailAddress>demo@example.test</EMailAddress>`+
			`<AcceptableResponseSchema>http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a</AcceptableResponseSchema></Request></Autodiscover>`)
	if err := xml.Unmarshal([]byte(text), &found); err != nil || found.Response.Account.Action != "settings" {
		p.t.Fatalf("%v in %s", err, text)
	}
	for _, s := range found.Response.Account.Protocol {
		all = append(all, setUp{strings.ToLower(s.Type), s.Server, s.Port, s.Encryption == "SSL", s.LoginName})
	}
	if len(all) != 3 {
		p.t.Errorf("%d servers in %s", len(all), text)
	}
	return all
}

func (p program) apple() []setUp {
	_, signed := p.fetch("GET", "https://autoconfig.example.test/mail/apple.mobileconfig?emailaddress=demo@example.test", "")
	data, err := pkcs7.Parse([]byte(signed))
	if err != nil {
		p.t.Fatal(err)
	}
	if err := data.VerifyWithChain(p.ca.Issued); err != nil || data.GetOnlySigner().VerifyHostname("autoconfig.example.test") != nil {
		p.t.Fatal(err)
	}
	value := func(key string) string {
		_, rest, _ := strings.Cut(string(data.Content), "<key>"+key+"</key>\n")
		_, rest, _ = strings.Cut(rest, ">")
		text, _, _ := strings.Cut(rest, "<")
		return text
	}
	server := func(direction, protocol string) setUp {
		port, _ := strconv.Atoi(value(direction + "MailServerPortNumber"))
		return setUp{protocol, value(direction + "MailServerHostName"), port, true, value(direction + "MailServerUsername")}
	}
	return []setUp{server("Incoming", "imap"), server("Outgoing", "smtp")}
}

// logIn connects to the port of a server, verifies its certificate, and logs in by the
// protocol's mechanism for passwords.
func (p program) logIn(s setUp) error {
	config := &tls.Config{ServerName: s.host, RootCAs: p.ca.Issued}
	conn, err := new(net.Dialer).DialContext(p.t.Context(), "tcp", net.JoinHostPort(loopback.Host(), strconv.Itoa(s.port)))
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	if s.implicit {
		conn = tls.Client(conn, config)
	}
	switch {
	case s.protocol == "pop3":
		return logInPOP3(conn, s.user)
	case s.protocol == "imap" && s.implicit:
		return imapclient.New(conn, nil).Login(s.user, demo.Password).Wait()
	case s.protocol == "imap":
		c, err := imapclient.NewStartTLS(conn, &imapclient.Options{TLSConfig: config})
		if err != nil {
			return err
		}
		return c.Login(s.user, demo.Password).Wait()
	case s.implicit:
		return smtp.NewClient(conn).Auth(sasl.NewPlainClient("", s.user, demo.Password))
	}
	c, err := smtp.NewClientStartTLS(conn, config)
	if err != nil {
		return err
	}
	return c.Auth(sasl.NewPlainClient("", s.user, demo.Password))
}

func logInPOP3(conn net.Conn, user string) error {
	c, err := mailclient.New(conn, "pop3", "client.example.test", time.Now().Add(10*time.Second))
	if err != nil {
		return err
	}
	if _, err := c.Greeting(); err != nil {
		return err
	}
	for _, command := range []string{"USER " + user, "PASS " + demo.Password} {
		if answer, err := c.Exchange("%s", command); err != nil || !strings.HasPrefix(answer, "+OK") {
			return fmt.Errorf("%s, %w", answer, err)
		}
	}
	return nil
}

// serveAll runs the proxy until the listeners with implicit TLS serve the CA's
// certificates.
func serveAll(t *testing.T, c *configs.Config, ca *pebble.CA, dns *nameserver.Server) {
	t.Helper()
	ca.Start(t, pebble.Options{HTTP: port(t, c.ACME.HTTP), TLS: port(t, c.ACME.TLSALPN), Resolver: dns.Address})
	serveConfig(t, c, slog.New(slog.DiscardHandler))
	awaitCertificates(t, c)
	for _, l := range c.Listeners {
		if l.Service.Implicit() {
			wait.Until(t, "the certificate is not served", func() bool {
				leaf := peer(t, l.Listen, c.SeenHost(l))[0]
				return leaf.Issuer.String() != leaf.Subject.String()
			})
		}
	}
}
