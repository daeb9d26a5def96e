package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/letterlock/letterlock/e2e/world"
)

// newNetwork creates a network for one test.
func newNetwork(t *testing.T) *world.Network {
	t.Helper()
	n, err := needsServers(t).NewNetwork()
	atEnd(t, n.Close)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestTproxy checks that Dovecot sees connections from the client's address,
// without any setting in Dovecot.
func TestTproxy(t *testing.T) {
	n := newNetwork(t)
	for _, c := range []struct {
		name, handover, words string
		wrapper               []string
		works                 bool
	}{
		{"without", "none", "rip=10.99.0.1", nil, false}, // Dovecot needs no password from the proxy
		{"tproxy", "tproxy", "rip=" + world.ClientAddress, nil, true},
		{"tproxy without the right to", "tproxy", "needs CAP_NET_ADMIN", []string{"setpriv", "--bounding-set", "-net_admin,-net_raw"}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			proxy := serveOn(t, n, c.wrapper, inFront("imaps", n.IMAP, c.handover))
			mark, ours := n.Dovecot.Log.Mark(), proxy.Log.Mark()
			out, err := n.On("client", "curl", "--silent", "--show-error", "--insecure", "--max-time", "30",
				"--login-options", "AUTH=PLAIN", "--user", "carol:"+world.BelieverPassword, "imaps://"+world.ProxyAddress+"/").CombinedOutput()
			if c.works != (err == nil) {
				t.Errorf("curl: %v\n%s", err, out)
			}
			if c.wrapper != nil {
				awaitIn(t, proxy, ours, "backend-down", c.words)
				return
			}
			awaitIn(t, n.Dovecot, mark, "imap-login", c.words)
		})
	}
}

// Cyrus supports no way of handing over the client's address: it sees the
// proxy's address, unless the proxy connects from the client's (tproxy).
func TestCyrus(t *testing.T) {
	n := newNetwork(t)
	cyrus, err := n.StartCyrus()
	if cyrus != nil {
		atEnd(t, cyrus.Stop)
	}
	if err != nil {
		t.Fatal(err)
	}
	for handover, seen := range map[string]string{"none": "[10.99.0.1]", "tproxy": "[" + world.ClientAddress + "]"} {
		t.Run(handover, func(t *testing.T) {
			serveOn(t, n, nil, inFront("imaps", cyrus.IMAP, handover), inFront("pop3s", cyrus.POP3, handover))
			for _, service := range []string{"imaps", "pop3s"} {
				mark := cyrus.Mail.Mark()
				out, err := n.On("client", "curl", "--silent", "--show-error", "--insecure", "--max-time", "30",
					"--user", "carol:"+world.BelieverPassword, service+"://"+world.ProxyAddress+"/").CombinedOutput()
				if err != nil {
					t.Errorf("curl: %v\n%s", err, out)
				}
				line, err := cyrus.Mail.Await(mark, world.Patience, "login:", seen, "carol")
				if err != nil {
					t.Error(err)
				}
				t.Log(line)
			}
		})
	}
}

// inFront returns a listener in front of a port of the backend's machine.
func inFront(service string, port int, handover string) string {
	return fmt.Sprintf("  - {service: %s, backend: '%s:%d', handover: %s}\n", service, world.BackendAddress, port, handover)
}

// serveOn starts the program on the proxy's machine of a network.
func serveOn(t *testing.T, n *world.Network, wrapper []string, listeners ...string) *world.Process {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, "letterlock.yaml")
	text := fmt.Sprintf("hostname: mail.example.com\nstate_dir: %s\nprobe: false\nlog: {format: postfix}\nlisteners:\n%s", dir, strings.Join(listeners, ""))
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	command := append(wrapper, needsServers(t).Program(), "serve", "--config", path)
	p, err := world.Run("letterlock on the network", n.On("proxy", command[0], command[1:]...))
	if err != nil {
		t.Fatal(err)
	}
	atEnd(t, p.Stop)
	awaitIn(t, p, 0, "letterlock/imaps[", "listening")
	return p
}
