package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/letterlock/letterlock/e2e/world"
)

// Dovecot sees connections from the client's address, with nothing set there.
func TestTproxy(t *testing.T) {
	n, err := needsServers(t).NewNetwork()
	t.Cleanup(func() {
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, handover, words string
		wrapper               []string
		works                 bool
	}{
		{"without", "none", "rip=10.99.0.1", nil, false}, // Dovecot wants no password of the proxy
		{"tproxy", "tproxy", "rip=" + world.ClientAddress, nil, true},
		{"tproxy without the right to", "tproxy", "needs CAP_NET_ADMIN", []string{"setpriv", "--bounding-set", "-net_admin,-net_raw"}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			proxy := serveOn(t, n, c.handover, c.wrapper)
			mark, ours := n.Dovecot.Log.Mark(), proxy.Log.Mark()
			out, err := n.On("client", "curl", "--silent", "--show-error", "--insecure", "--max-time", "30",
				"--user", "stranger:"+world.BelieverPassword, "imaps://"+world.ProxyAddress+"/").CombinedOutput()
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

// serveOn starts the program on the proxy's machine of a network.
func serveOn(t *testing.T, n *world.Network, handover string, wrapper []string) *world.Process {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, "letterlock.yaml")
	text := fmt.Sprintf("hostname: mail.example.com\nstate_dir: %s\nprobe: false\nlog: {format: postfix}\nlisteners:\n"+
		"  - {service: imaps, backend: '%s:%d', handover: %s}\n", dir, world.BackendAddress, n.IMAP, handover)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	command := append(wrapper, needsServers(t).Program(), "serve", "--config", path)
	p, err := world.Run("letterlock on the network", n.On("proxy", command[0], command[1:]...))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Stop(); err != nil {
			t.Error(err)
		}
	})
	awaitIn(t, p, 0, "letterlock/imaps[", "listening")
	return p
}
