// Mail that an old Postfix sends through the smarthost arrives in the mailbox
// byte for byte, over TLS. Mail that must not be delivered stays in its queue,
// and Postfix receives the replies of the recipients' server.

package e2e

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/letterlock/letterlock/e2e/world"
	"github.com/letterlock/letterlock/internal/test/nameserver"
	"github.com/letterlock/letterlock/tlspolicy/dane"
)

// correspondents starts an old Postfix, the smarthost that it sends to, and an
// MX. DNS and the table of destinations tell the smarthost the MX.
func correspondents(t *testing.T) (*world.Correspondents, *world.Letterlock) {
	t.Helper()
	w := needsServers(t)
	c, err := w.StartMX()
	if c != nil {
		atEnd(t, c.Stop)
	}
	if err != nil {
		t.Fatal(err)
	}
	dns := nameserver.New(t)
	dns.Behave(true, false, dnsmessage.RCodeSuccess)
	dns.Set("mx.modern.example", &dnsmessage.AResource{A: [4]byte{127, 0, 0, 1}})
	dns.Set("localhost", &dnsmessage.AResource{A: [4]byte{127, 0, 0, 1}})
	record := dane.Of(leafOf(t, c.Certificate.Cert))
	dns.Set(dane.Name(c.Ports.MX, "mx.modern.example"), &dnsmessage.UnknownResource{
		Type: 52, Data: append([]byte{record.Usage, record.Selector, record.Matching}, record.Data...),
	})
	dns.Set("broken.example", &dnsmessage.MXResource{MX: dnsmessage.MustNewName("mx.broken.example.")})
	dns.Set("mx.broken.example", &dnsmessage.AResource{A: [4]byte{127, 0, 0, 1}})
	dns.Set(dane.Name(c.Ports.MX, "mx.broken.example"), &dnsmessage.UnknownResource{Type: 52, Data: append([]byte{3, 1, 1}, make([]byte, 32)...)})
	user := newAccount(t)
	password := privateFile(t, user.Password)
	relays := ""
	for _, mechanism := range relayMechanisms {
		relays += fmt.Sprintf(`
    - {domains: [example.com], senders: [%s@relayed.example], next_hop: "[localhost]:%d", login: {user: %s, password_file: %s, mechanisms: [%s]}}`,
			strings.ToLower(mechanism), c.Ports.MX, user.Name, password, mechanism)
	}
	relays += fmt.Sprintf(`
    - {domains: [example.com], senders: [wrong@relayed.example], next_hop: "[localhost]:%d", login: {user: %s, password_file: %s}}`,
		c.Ports.MX, user.Name, privateFile(t, "not the password"))
	proxy := serveCustom(t, fmt.Sprintf(`smarthost:
  resolvers: [%q]
  mta_sts: false
  keep_connections: 2m
  tls_required_no: true
  ca: %s
  destinations:
    - {domains: [example.com], next_hop: "[mx.modern.example]:%d"}
    - {domains: [modern.example], next_hop: "[localhost]:%[3]d", level: verify}
    - {domains: [wrong.example], next_hop: "[localhost]:%[3]d", level: fingerprint, fingerprints: [%064[5]d]}
    - {domains: [broken.example], next_hop: "broken.example:%[3]d", networks: [127.0.0.1]}
    - {domains: [plain.example], next_hop: "[localhost]:%[4]d"}`+relays,
		dns.Address, shared.caFile, c.Ports.MX, w.Ports.SMTP, 0), world.Listener{Name: "smarthost", Service: "smarthost"})
	_, port, _ := net.SplitHostPort(proxy.Address("smarthost"))
	number, _ := strconv.Atoi(port)
	if err := w.StartOld(c, number); err != nil {
		t.Fatal(err)
	}
	return c, proxy
}

// relayMechanisms are the mechanisms for passwords that Dovecot offers.
var relayMechanisms = []string{"SCRAM-SHA-256", "CRAM-MD5", "PLAIN", "LOGIN"}

// privateFile writes a text to a file that only its owner may read.
func privateFile(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(file, []byte(text+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func leafOf(t *testing.T, file string) *x509.Certificate {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(text)
	leaf, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return leaf
}

func TestSmarthost(t *testing.T) {
	c, proxy := correspondents(t)
	old := fmt.Sprintf("127.0.0.1:%d", c.Ports.Old)
	send := func(t *testing.T, l letter, to ...string) {
		t.Helper()
		run(t, "swaks", "--server", old, "--from", l.From, "--to", strings.Join(to, ","), "--data", l.forSwaks(t))
	}
	t.Run("by DANE", func(t *testing.T) {
		mark, marked := proxy.Log.Mark(), c.Old.Log.Mark()
		l := newLetter(newAccount(t), body)
		send(t, l, l.To)
		headers := l.arrives(t)
		for _, want := range []string{"by mail.example.com (Letterlock) with ESMTP", "(using TLSv1.3 with cipher", "by legacy.example.com (Postfix)"} {
			if !strings.Contains(headers, want) {
				t.Errorf("no %q in %s", want, headers)
			}
		}
		awaitIn(t, proxy.Process, mark, "Verified TLS connection established to mx.modern.example[127.0.0.1]:", "level=dane")
		awaitIn(t, proxy.Process, mark, "mail sent", "domain=example.com", "tls=TLSv1.3")
		awaitIn(t, c.Old, marked, "to=<"+l.To+">", "status=sent (250 2.0.0 Ok: queued as")
	})
	t.Run("with a certificate that is verified", func(t *testing.T) {
		mark, marked := proxy.Log.Mark(), c.MX.Log.Mark()
		l := newLetter(account{Name: "x"}, body)
		send(t, l, "somebody@modern.example")
		awaitIn(t, proxy.Process, mark, "Verified TLS connection established to localhost[127.0.0.1]:", "level=verify")
		awaitIn(t, c.MX, marked, "TLS connection established from")
		awaitIn(t, c.MX, marked, "to=<somebody@modern.example>", "status=sent")
	})
	t.Run("over a kept connection", func(t *testing.T) {
		mark, marked := proxy.Log.Mark(), c.Old.Log.Mark()
		for _, to := range []string{"first@modern.example", "second@modern.example"} {
			send(t, newLetter(account{Name: "x"}, body), to)
			awaitIn(t, c.Old, marked, "to=<"+to+">", "status=sent (250 2.0.0 Ok: queued as")
		}
		awaitIn(t, proxy.Process, mark, "mail sent", "domain=modern.example", "conn_use=")
	})
	t.Run("in plaintext where the server has no TLS", func(t *testing.T) {
		mark := proxy.Log.Mark()
		marked := c.Old.Log.Mark()
		send(t, newLetter(account{Name: "x"}, body), "somebody@plain.example")
		awaitIn(t, proxy.Process, mark, "mail sent", "domain=plain.example", "tls=none")
		awaitIn(t, c.Old, marked, "to=<somebody@plain.example>", "status=sent (250 2.0.0 Ok: queued as")
	})
	t.Run("several domains", func(t *testing.T) {
		marked := c.Old.Log.Mark()
		l := newLetter(newAccount(t), body)
		send(t, l, l.To, "one@modern.example", "two@modern.example")
		l.arrives(t)
		for _, to := range []string{l.To, "one@modern.example", "two@modern.example"} {
			awaitIn(t, c.Old, marked, "to=<"+to+">", "status=sent (250 2.0.0 Ok: queued as")
		}
	})
	t.Run("not with another certificate", func(t *testing.T) {
		marked := c.Old.Log.Mark()
		send(t, newLetter(account{Name: "x"}, body), "somebody@wrong.example")
		awaitIn(t, c.Old, marked, "to=<somebody@wrong.example>", "status=deferred", "451 4.7.5 Server certificate not verified")
	})
	t.Run("with the header TLS-Required: No", func(t *testing.T) {
		marked, mark, at := c.Old.Log.Mark(), proxy.Log.Mark(), c.MX.Log.Mark()
		send(t, newLetter(account{Name: "x"}, body, "TLS-Required: No"), "somebody@broken.example")
		awaitIn(t, proxy.Process, mark, "mail sent", "domain=broken.example", "tls=TLSv1.3", "tls_required=no")
		awaitIn(t, c.MX, at, "to=<somebody@broken.example>", "status=sent")
		awaitIn(t, c.Old, marked, "to=<somebody@broken.example>", "status=sent (250 2.0.0 Ok: queued as")
	})
	t.Run("not with another TLSA record", func(t *testing.T) {
		marked := c.Old.Log.Mark()
		send(t, newLetter(account{Name: "x"}, body), "anybody@broken.example")
		awaitIn(t, c.Old, marked, "to=<anybody@broken.example>", "status=deferred", "451 4.7.5 Server certificate not verified")
	})
	t.Run("no such user", func(t *testing.T) {
		marked := c.Old.Log.Mark()
		send(t, newLetter(account{Name: "x"}, body), "nobody@example.com")
		awaitIn(t, c.Old, marked, "to=<nobody@example.com>", "status=bounced", "said: 554 5.7.1 <nobody@example.com>: Recipient address rejected")
	})
	t.Run("no such domain", func(t *testing.T) {
		marked := c.Old.Log.Mark()
		send(t, newLetter(account{Name: "x"}, body), "somebody@nowhere.example")
		awaitIn(t, c.Old, marked, "to=<somebody@nowhere.example>", "status=bounced", "said: 550 5.4.4 Host or domain name not found")
	})
	for _, mechanism := range relayMechanisms {
		t.Run("through a relay by "+mechanism, func(t *testing.T) {
			marked := c.MX.Log.Mark()
			l := newLetter(newAccount(t), body)
			l.From = strings.ToLower(mechanism) + "@relayed.example"
			send(t, l, l.To)
			awaitIn(t, c.MX, marked, "sasl_method="+mechanism)
			l.arrives(t)
		})
	}
	t.Run("not through a relay that refuses the password", func(t *testing.T) {
		for _, want := range []string{"refused the login of", "the relay has refused the login; the next try"} {
			marked := c.Old.Log.Mark()
			l := newLetter(newAccount(t), body)
			l.From = "wrong@relayed.example"
			send(t, l, l.To)
			awaitIn(t, c.Old, marked, "to=<"+l.To+">", "status=deferred", "451 4.7.8", want)
		}
	})
	t.Run("a server that is down", func(t *testing.T) {
		if err := c.MX.Stop(); err != nil {
			t.Fatal(err)
		}
		c.MX = nil
		marked := c.Old.Log.Mark()
		send(t, newLetter(account{Name: "x"}, body), "somebody@modern.example")
		awaitIn(t, c.Old, marked, "to=<somebody@modern.example>", "status=deferred", "450 4.4.1 Connect to localhost[127.0.0.1]")
	})
}

// TestSmarthostIsNoOpenRelay checks that only configured clients may send.
func TestSmarthostIsNoOpenRelay(t *testing.T) {
	proxy := serveCustom(t, "smarthost: {clients: [127.0.0.2], mta_sts: false}", world.Listener{Name: "smarthost", Service: "smarthost"})
	dial(t, proxy.Address("smarthost")).reply("554")
}
