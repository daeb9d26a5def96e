package e2e

import (
	"fmt"
	"os"
	"os/exec"
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
		works                 bool
	}{
		{"without", "none", "rip=10.99.0.1", false}, // Dovecot needs no password from the proxy
		{"tproxy", "tproxy", "rip=" + world.ClientAddress, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			serveOn(t, n, inFront("imaps", n.IMAP, c.handover))
			mark := n.Dovecot.Log.Mark()
			out, err := n.On("client", "curl", "--silent", "--show-error", "--insecure", "--max-time", "30",
				"--login-options", "AUTH=PLAIN", "--user", "carol:"+world.BelieverPassword, "imaps://"+world.ProxyAddress+"/").CombinedOutput()
			if c.works != (err == nil) {
				t.Errorf("curl: %v\n%s", err, out)
			}
			awaitIn(t, n.Dovecot, mark, "imap-login", c.words)
		})
	}
	t.Run("tproxy without the right to", func(t *testing.T) {
		path := configurationOn(t, "", inFront("imaps", n.IMAP, "tproxy"))
		out, err := n.On("proxy", "setpriv", "--bounding-set", "-net_admin,-net_raw", needsServers(t).Program(), "serve", "--config", path).CombinedOutput()
		if err == nil || !strings.Contains(string(out), path+":6:") || !strings.Contains(string(out), "handover tproxy needs CAP_NET_ADMIN") {
			t.Errorf("%v\n%s", err, out)
		}
	})
	t.Run("tproxy as a user", func(t *testing.T) {
		path := configurationOn(t, "user: nobody\n", inFront("imaps", n.IMAP, "tproxy"))
		program := filepath.Join(filepath.Dir(path), "letterlock") // the user may not enter the folder of the original
		if out, err := exec.CommandContext(t.Context(), "cp", needsServers(t).Program(), program).CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		serveFile(t, n, program, path)
		mark := n.Dovecot.Log.Mark()
		out, err := n.On("client", "curl", "--silent", "--show-error", "--insecure", "--max-time", "30",
			"--login-options", "AUTH=PLAIN", "--user", "carol:"+world.BelieverPassword, "imaps://"+world.ProxyAddress+"/").CombinedOutput()
		if err != nil {
			t.Errorf("curl: %v\n%s", err, out)
		}
		awaitIn(t, n.Dovecot, mark, "imap-login", "rip="+world.ClientAddress)
	})
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
			serveOn(t, n, inFront("imaps", cyrus.IMAP, handover), inFront("pop3s", cyrus.POP3, handover))
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
func serveOn(t *testing.T, n *world.Network, listeners ...string) {
	t.Helper()
	serveFile(t, n, needsServers(t).Program(), configurationOn(t, "", listeners...))
}

// serveFile starts a program on the proxy's machine of a network, with a file.
func serveFile(t *testing.T, n *world.Network, program, path string) {
	t.Helper()
	p, err := world.Run("letterlock on the network", n.On("proxy", program, "serve", "--config", path))
	if err != nil {
		t.Fatal(err)
	}
	atEnd(t, p.Stop)
	awaitIn(t, p, 0, "letterlock/imaps[", "listening")
}

// configurationOn writes a configuration with listeners and one more key. Every user
// may read it, and the folder of the state is not there yet.
func configurationOn(t *testing.T, key string, listeners ...string) (path string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "letterlock") // other users cannot enter t.TempDir
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	path = filepath.Join(dir, "letterlock.yaml")
	text := fmt.Sprintf("hostname: mail.example.com\nstate_dir: state\nprobe: false\nlog: {format: postfix}\n%slisteners:\n%s", key, strings.Join(listeners, ""))
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}
