// An old Exim and a scanner send mail through the smarthost and a provider that wants
// a login, each with its own senders only.

package e2e

import (
	"fmt"
	"net"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/letterlock/letterlock/e2e/world"
	"github.com/letterlock/letterlock/internal/devices"
	"github.com/letterlock/letterlock/internal/test/nameserver"
)

// provided starts a provider, and a smarthost in front of it with the devices exim,
// by its address, and scanner, by a login with this password.
func provided(t *testing.T, password string) (*world.Correspondents, *world.Letterlock) {
	t.Helper()
	c, err := needsServers(t).StartMX()
	if c != nil {
		atEnd(t, c.Stop)
	}
	if err != nil {
		t.Fatal(err)
	}
	dns := nameserver.New(t)
	dns.Set("localhost", &dnsmessage.AResource{A: [4]byte{127, 0, 0, 1}})
	user := newAccount(t)
	line, err := devices.Line("scanner", password)
	if err != nil {
		t.Fatal(err)
	}
	proxy := serveCustom(t, fmt.Sprintf(`smarthost:
  resolvers: [%[7]q]
  mta_sts: false
  ca: %[1]s
  device_passwords: %[2]s
  devices:
    - {name: exim, networks: [127.0.0.1], senders: [erp.example, "<>"]}
    - {name: scanner, login: true, senders: [scanner@erp.example]}
  destinations:
    - {domains: [wrong.example], next_hop: "[localhost]:%[3]d", level: fingerprint, fingerprints: [%064[6]d]}
    - {domains: ["*"], next_hop: "[localhost]:%[3]d", login: {user: %[4]s, password_file: %[5]s}, match: [localhost], rewrite_sender: erp@relayed.example, rewrite_from: true}`,
		shared.caFile, privateFile(t, line), c.Ports.MX, user.Name, privateFile(t, user.Password), 0, dns.Address),
		world.Listener{Name: "plaintext", Service: "smarthost"}, world.Listener{Name: "tls", Service: "smarthost", Keys: []string{"policy: strict"}})
	return c, proxy
}

func TestEximAsClient(t *testing.T) {
	c, proxy := provided(t, "not used here")
	_, text, _ := net.SplitHostPort(proxy.Address("plaintext"))
	port, _ := strconv.Atoi(text)
	exim := eximOf(t, func(w *world.World) (*world.Exim, error) { return w.StartEximClient(port) })
	send := func(t *testing.T, from, to string) {
		t.Helper()
		run(t, "swaks", "--server", fmt.Sprintf("127.0.0.1:%d", exim.SMTP), "--from", from, "--to", to, "--header", "Subject: from Exim")
	}
	t.Run("a message", func(t *testing.T) {
		mark, marked, provider := exim.Mail.Mark(), proxy.Log.Mark(), c.MX.Log.Mark()
		send(t, "clerk@erp.example", "somebody@modern.example")
		awaitMail(t, exim, mark, "=> somebody@modern.example", "T=smarthost", "250 2.0.0 Ok: queued as")
		awaitIn(t, proxy.Process, marked, "mail sent", "domain=modern.example", "tls=TLSv1.3", "device=exim")
		awaitIn(t, c.MX, provider, "sasl_method=")
		awaitIn(t, c.MX, provider, "from=<erp@relayed.example>")
	})
	t.Run("another sender", func(t *testing.T) {
		mark := exim.Mail.Mark()
		send(t, "boss@other.example", "somebody@modern.example")
		awaitMail(t, exim, mark, "** somebody@modern.example", "550 5.7.1 exim may not use the sender <boss@other.example>")
	})
	t.Run("a server that cannot be verified", func(t *testing.T) {
		mark := exim.Mail.Mark()
		send(t, "clerk@erp.example", "somebody@wrong.example")
		awaitMail(t, exim, mark, "== somebody@wrong.example", "451 4.7.5 Server certificate not verified")
	})
}

func awaitMail(t *testing.T, e *world.Exim, mark int, words ...string) {
	t.Helper()
	if _, err := e.Mail.Await(mark, world.Patience, words...); err != nil {
		t.Fatal(err)
	}
}

func TestScanner(t *testing.T) {
	const password = "a long password of the scanner"
	c, proxy := provided(t, password)
	address := proxy.Address("tls")
	send := func(from, password string, more ...string) ([]byte, error) {
		args := append([]string{"--server", address, "--from", from, "--to", "somebody@modern.example", "--auth-user", "scanner", "--auth-password", password}, more...)
		return exec.Command("swaks", args...).CombinedOutput()
	}
	t.Run("a message", func(t *testing.T) {
		for _, mechanism := range []string{"PLAIN", "LOGIN"} {
			marked, provider := proxy.Log.Mark(), c.MX.Log.Mark()
			if said, err := send("scanner@erp.example", password, "--tls", "--tls-verify", "--tls-ca-path", shared.caFile, "--auth", mechanism); err != nil {
				t.Fatalf("%v:\n%s", err, said)
			}
			awaitIn(t, proxy.Process, marked, "mail sent", "domain=modern.example", "device=scanner")
			awaitIn(t, c.MX, provider, "from=<erp@relayed.example>")
		}
	})
	for name, tt := range map[string]struct {
		from, password, tls, want string
	}{
		"another sender":   {"boss@erp.example", password, "--tls", "550 5.7.1 scanner may not use the sender"},
		"a wrong password": {"scanner@erp.example", "wrong", "--tls", "535 5.7.8"},
	} {
		t.Run(name, func(t *testing.T) {
			if said, err := send(tt.from, tt.password, tt.tls, "--auth", "PLAIN"); err == nil || !strings.Contains(string(said), tt.want) {
				t.Errorf("%v:\n%s", err, said)
			}
		})
	}
	t.Run("no login before TLS", func(t *testing.T) {
		conn := dial(t, address)
		conn.reply("220")
		conn.command("250", "EHLO scanner")
		conn.command("538", "AUTH LOGIN")
	})
}
