package main

import (
	"context"
	"crypto/tls"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/letterlock/letterlock/configs"
	"github.com/letterlock/letterlock/internal/app"
	"github.com/letterlock/letterlock/internal/demo"
	"github.com/letterlock/letterlock/internal/test/authority"
	"github.com/letterlock/letterlock/internal/test/loopback"
)

// folder holds a configuration and certificates, with servers of the demo as
// backends: cert.pem and key.pem are for mail.example.com, ca.pem is their
// authority.
type folder struct {
	*testing.T
	path     string
	ca       *authority.CA
	backends *demo.Server
}

func newFolder(t *testing.T) *folder {
	t.Helper()
	backends, err := demo.Start(loopback.Host(), "localhost")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = backends.Close() })
	f := &folder{T: t, path: t.TempDir(), ca: authority.New(t), backends: backends}
	f.put(f.ca.ECDSA(t, "mail.example.com"), "cert.pem", "key.pem")
	f.put(f.ca.ECDSA(t, "the authority comes with it"), "ca.pem", "unused.pem")
	return f
}

// file is the path of the configuration.
func (f *folder) file() string { return filepath.Join(f.path, "letterlock.yaml") }

// configure writes the configuration. In it, {imap}, {pop3}, {sieve}, {smtp}
// and {submission} are backends, and {host} is the address for listeners.
func (f *folder) configure(text string) {
	f.Helper()
	b := f.backends
	backends := strings.NewReplacer("{host}", loopback.Host(), "{imap}", b.IMAP(), "{pop3}", b.POP3(), "{sieve}", b.Sieve(), "{smtp}", b.SMTP(), "{submission}", b.Submission())
	if err := os.WriteFile(f.file(), []byte("state_dir: state\n"+backends.Replace(text)), 0o600); err != nil {
		f.Fatal(err)
	}
}

func (f *folder) put(cert tls.Certificate, certFile, keyFile string) {
	f.Helper()
	chain, key := authority.PEM(f, cert)
	for name, text := range map[string][]byte{certFile: chain, keyFile: key} {
		if err := os.WriteFile(filepath.Join(f.path, name), text, 0o600); err != nil {
			f.Fatal(err)
		}
	}
}

// world is a folder and the proxy that runs with its configuration.
type world struct {
	*folder
	*app.Proxy
}

func newWorld(t *testing.T, text string) *world {
	t.Helper()
	f := newFolder(t)
	f.configure(text)
	c, err := configs.Load(f.file())
	if err != nil {
		t.Fatal(err)
	}
	return &world{f, serveConfig(t, c, slog.New(slog.DiscardHandler))}
}

// serveConfig runs the proxy until the end of the test.
func serveConfig(t *testing.T, c *configs.Config, log *slog.Logger) *app.Proxy {
	t.Helper()
	p, err := app.New(c, app.Options{Log: log})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		p.Shutdown(ctx)
	})
	return p
}

// dial makes a TLS connection to the listener i.
func (w *world) dial(i int, change func(*tls.Config)) (*tls.Conn, error) {
	w.Helper()
	config := &tls.Config{RootCAs: w.ca.Pool, ServerName: "mail.example.com"}
	if change != nil {
		change(config)
	}
	conn, err := tls.Dial("tcp", w.Addresses()[i].String(), config)
	if err == nil {
		w.Cleanup(func() { _ = conn.Close() })
		_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	}
	return conn, err
}
