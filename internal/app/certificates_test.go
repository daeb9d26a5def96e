package app

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/letterlock/letterlock/internal/test/authority"
	"github.com/letterlock/letterlock/internal/test/loopback"
	"github.com/letterlock/letterlock/internal/test/wait"
)

// fleet is a set of many pairs of files. Each pair is replaced in one of the
// usual ways.
type fleet struct {
	*world
	served []tls.Certificate
}

// fleetSize is the number of pairs.
const fleetSize = 200

func (*fleet) name(i int) string { return fmt.Sprintf("host%d.example.com", i) }

// newFleet starts a listener with a certificate for each name.
func newFleet(t *testing.T) *fleet {
	t.Helper()
	f := &fleet{world: newWorld(t, imaps), served: make([]tls.Certificate, fleetSize)}
	text := "hostname: " + f.name(0) + "\ncertificates:\n"
	for i := range f.served {
		f.served[i] = f.ca.ECDSA(t, f.name(i))
		f.layOut(i)
		text += fmt.Sprintf("  - {cert: %[1]s/tls.crt, key: %[1]s/tls.key}\n", f.name(i))
	}
	f.configure(text + "listeners: [{service: imaps, listen: \"{host}:0\", backend: \"{imap}\"}]\n")
	f.Reload()
	return f
}

// path returns the path of a file of pair i.
func (f *fleet) path(i int, names ...string) string {
	return filepath.Join(append([]string{f.folder, f.name(i)}, names...)...)
}

// layOut writes the files of pair i. Those that are replaced by a link are
// behind a link, as in Kubernetes.
func (f *fleet) layOut(i int) {
	f.Helper()
	f.must(os.Mkdir(f.path(i), 0o700))
	if f.way(i) != "link" {
		f.fill(f.path(i), f.served[i])
		return
	}
	f.link(i)
	for _, file := range []string{"tls.crt", "tls.key"} {
		f.must(os.Symlink(filepath.Join("..data", file), f.path(i, file)))
	}
}

// way returns how pair i is replaced.
func (*fleet) way(i int) string { return []string{"rename", "link", "halves"}[i%3] }

func (f *fleet) fill(folder string, cert tls.Certificate) {
	f.Helper()
	chain, key := authority.PEM(f, cert)
	f.must(os.WriteFile(filepath.Join(folder, "tls.crt"), chain, 0o600))
	f.must(os.WriteFile(filepath.Join(folder, "tls.key"), key, 0o600))
}

// link replaces the folder of pair i atomically.
func (f *fleet) link(i int) {
	f.Helper()
	folder, err := os.MkdirTemp(f.path(i), "..")
	f.must(err)
	f.fill(folder, f.served[i])
	f.must(os.Symlink(filepath.Base(folder), f.path(i, "..new")))
	f.must(os.Rename(f.path(i, "..new"), f.path(i, "..data")))
}

// replace replaces all pairs, some of them in part. The returned function
// completes the files of which only half was written.
func (f *fleet) replace() (complete func()) {
	f.Helper()
	for i := range f.served {
		f.served[i] = f.ca.ECDSA(f, f.name(i))
		chain, key := authority.PEM(f, f.served[i])
		switch f.way(i) {
		case "rename":
			for name, text := range map[string][]byte{"tls.crt": chain, "tls.key": key} {
				f.must(os.WriteFile(f.path(i, "new"), text, 0o600))
				f.must(os.Rename(f.path(i, "new"), f.path(i, name)))
			}
		case "link":
			f.link(i)
		case "halves":
			f.must(os.WriteFile(f.path(i, "tls.crt"), chain[:len(chain)/2], 0o600))
		}
	}
	return func() {
		for i := range f.served {
			if f.way(i) == "halves" {
				f.fill(f.path(i), f.served[i])
			}
		}
	}
}

func (f *fleet) must(err error) {
	f.Helper()
	if err != nil {
		f.Fatal(err)
	}
}

// shake makes a handshake with the server name of pair i.
func (f *fleet) shake(i int) (*x509.Certificate, error) {
	conn, err := tls.Dial("tcp", f.Addresses()[0].String(), &tls.Config{RootCAs: f.ca.Pool, ServerName: f.name(i)})
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close() }()
	return conn.ConnectionState().PeerCertificates[0], nil
}

// fresh reports whether exactly the pairs of some ways are served as last
// written.
func (f *fleet) fresh(ways ...string) bool {
	f.Helper()
	for i, want := range f.served {
		got, err := f.shake(i)
		f.must(err)
		if strings.Contains(strings.Join(ways, " "), f.way(i)) != got.Equal(want.Leaf) {
			return false
		}
	}
	return true
}

// Many certificates are replaced under load, in all ways in which files are
// replaced: each new one is served soon, an incomplete one not before it is
// complete, and no handshake fails.
func TestManyCertificatesAreReplacedUnderLoad(t *testing.T) {
	if testing.Short() {
		t.Skip("NOT RUN with -short: two hundred certificates are replaced under load")
	}
	t.Parallel()
	f := newFleet(t)
	clients := loopback.RunClients(t, 2, func() error {
		_, err := f.shake(rand.IntN(len(f.served)))
		return err
	})
	if !f.fresh("rename", "link", "halves") {
		t.Error("other certificates are served at the start")
	}
	complete := f.replace()
	began := time.Now()
	wait.Until(t, "the complete certificates are not served", func() bool { return f.fresh("rename", "link") })
	t.Logf("replaced after %s", time.Since(began).Round(time.Millisecond))
	wait.Until(t, "half a certificate is not reported", func() bool {
		return strings.Count(f.log.String(), "what it held before stays in use") == len(f.served)/3
	})
	complete()
	began = time.Now()
	wait.Until(t, "the certificates are not served", func() bool { return f.fresh("rename", "link", "halves") })
	t.Logf("replaced after %s", time.Since(began).Round(time.Millisecond))
	sessions := clients.Stop()
	if got := strings.Count(f.log.String(), `msg="certificate replaced"`); got != len(f.served) || sessions < len(f.served) {
		t.Errorf("%d replacements are logged, with %d handshakes", got, sessions)
	}
	// SIGHUP reads all files too.
	f.replace()()
	f.Reload()
	if !f.fresh("rename", "link", "halves") {
		t.Error("other certificates are served after a reload")
	}
}
