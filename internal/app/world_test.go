package app

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/letterlock/letterlock/configs"
	"github.com/letterlock/letterlock/internal/certs"
	"github.com/letterlock/letterlock/internal/demo"
	"github.com/letterlock/letterlock/internal/test/authority"
	"github.com/letterlock/letterlock/internal/test/loopback"
	"github.com/letterlock/letterlock/internal/test/wait"
)

// world is a running proxy, with certificates in a folder.
type world struct {
	*testing.T
	*Proxy
	folder   string
	log      *wait.Log
	ca       *authority.CA
	backends *demo.Server
	socket   bool   // serve the administrator's socket
	trusted  bool   // this machine trusts ca
	opened   string // the first certificate when the sockets have opened, as DER
}

// newWorld starts the proxy in front of the demo's servers. The text is a
// configuration in a folder with cert.pem, key.pem and ca.pem; in it, {imap},
// {pop3}, {smtp} and {submission} are backends, and {host} is the address for
// listeners. The functions may add files to
// the folder.
func newWorld(t *testing.T, text string, add ...func(*world)) *world {
	t.Helper()
	backends, err := demo.Start(loopback.Host(), "localhost")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = backends.Close() })
	w := &world{T: t, folder: t.TempDir(), log: &wait.Log{}, ca: authority.New(t), backends: backends}
	w.put(w.ca.ECDSA(t, "mail.example.com"))
	chain, _ := authority.PEM(t, w.ca.ECDSA(t, "the authority comes with it"))
	if err := os.WriteFile(filepath.Join(w.folder, "ca.pem"), chain, 0o600); err != nil {
		t.Fatal(err)
	}
	selfSigned.put(t, filepath.Join(w.folder, "state"))
	for _, more := range add {
		more(w)
	}
	w.configure(text)
	w.run()
	t.Cleanup(w.endProxy)
	return w
}

// run starts a proxy with the configuration in the folder.
func (w *world) run() {
	w.Helper()
	file := filepath.Join(w.folder, "letterlock.yaml")
	load := func() (*configs.Config, error) { return configs.Load(file) }
	c, err := load()
	if err != nil {
		w.Fatal(err)
	}
	p, err := New(c, Options{Log: slog.New(slog.NewTextHandler(w.log, nil)), Source: Source{File: file, Load: load}, Admin: w.socket, StoreTime: time.Minute})
	if err != nil {
		w.Fatal(err)
	}
	w.Proxy = p
	if w.trusted {
		w.Proxy.served.system = func() (*x509.CertPool, error) { return w.ca.Pool, nil }
	}
	if err := w.Open(context.Background()); err != nil {
		w.Fatal(err)
	}
	for _, store := range w.now.Load().stores {
		w.opened = string(store.Certificates()[0].Leaf.Raw)
	}
	w.Serve()
}

// endProxy closes all sessions and ends the proxy.
func (w *world) endProxy() {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	w.Shutdown(ctx)
}

// restart ends the proxy, and starts another one with the same folder.
func (w *world) restart() {
	w.Helper()
	w.endProxy()
	w.run()
}

// selfSigned is the self-signed pair of all worlds: an RSA key takes up to a second.
var selfSigned kept

type kept struct {
	sync.Once
	files map[string][]byte
}

// put writes the pair into a state folder.
func (k *kept) put(t *testing.T, state string) {
	t.Helper()
	k.Do(func() {
		if _, err := certs.Kept(state, "mail.example.com"); err != nil {
			t.Fatal(err)
		}
		k.files = map[string][]byte{}
		for _, file := range certs.KeptFiles("") {
			for _, name := range []string{file.Cert, file.Key} {
				k.files[name], _ = os.ReadFile(filepath.Join(state, name))
			}
		}
	})
	if err := os.MkdirAll(state, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, content := range k.files {
		if err := os.WriteFile(filepath.Join(state, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// configure writes the configuration, with the addresses of the listeners and the
// backends.
func (w *world) configure(text string) {
	w.Helper()
	b := w.backends
	text = strings.NewReplacer("{host}", loopback.Host(), "{imap}", b.IMAP(), "{pop3}", b.POP3(), "{smtp}", b.SMTP(), "{submission}", b.Submission()).Replace(text)
	if err := os.WriteFile(filepath.Join(w.folder, "letterlock.yaml"), []byte("state_dir: state\n"+text), 0o600); err != nil {
		w.Fatal(err)
	}
}

// put replaces both files of the pair.
func (w *world) put(cert tls.Certificate) {
	w.Helper()
	w.putAs(cert, "cert.pem", "key.pem")
}

func (w *world) putAs(cert tls.Certificate, certFile, keyFile string) {
	w.Helper()
	chain, key := authority.PEM(w, cert)
	for name, text := range map[string][]byte{certFile: chain, keyFile: key} {
		path := filepath.Join(w.folder, name)
		if err := os.WriteFile(path+".new", text, 0o600); err != nil {
			w.Fatal(err)
		}
		if err := os.Rename(path+".new", path); err != nil {
			w.Fatal(err)
		}
	}
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

// served returns the certificate that a new connection gets.
func (w *world) served() *x509.Certificate {
	w.Helper()
	conn, err := w.dial(0, nil)
	if err != nil {
		w.Fatal(err)
	}
	return conn.ConnectionState().PeerCertificates[0]
}

const imaps = `
certificates: [{cert: cert.pem, key: key.pem}]
listeners:
  - {service: imaps, listen: "{host}:0", backend: "{imap}"}
`

func TestCertificateIsReplacedWhileASessionRuns(t *testing.T) {
	t.Parallel()
	w := newWorld(t, imaps)
	first := w.served()
	session, err := w.dial(0, nil)
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(session)
	ask := func(command, want string) {
		t.Helper()
		if _, err := io.WriteString(session, command+"\r\n"); err != nil {
			t.Fatal(err)
		}
		for {
			line, err := lines.ReadString('\n')
			if err != nil {
				t.Fatal(err)
			}
			if strings.HasPrefix(line, want) {
				return
			}
		}
	}
	ask("a LOGIN demo demo", "a OK")

	second := w.ca.ECDSA(t, "mail.example.com")
	w.put(second)
	w.now.Load().maintenance.files.Look()
	w.now.Load().maintenance.files.Look()
	if got := w.served(); !got.Equal(second.Leaf) || got.Equal(first) {
		t.Errorf("the new certificate is not served")
	}
	if !strings.Contains(w.log.String(), `msg="certificate replaced"`) {
		t.Errorf("the log does not report it:\n%s", w.log)
	}

	if err := os.WriteFile(filepath.Join(w.folder, "cert.pem"), []byte("-----BEGIN CERTI"), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 4 {
		w.now.Load().maintenance.files.Look()
	}
	if !w.served().Equal(second.Leaf) {
		t.Error("a broken file has replaced the certificate")
	}
	if n := strings.Count(w.log.String(), "what it held before stays in use"); n != 1 || !strings.Contains(w.log.String(), "damaged or cut off") {
		t.Errorf("the log reports it %d times:\n%s", n, w.log)
	}
	if f := w.now.Load().maintenance.shownFiles(); len(f) != 1 || f[0].Failures != 1 || !strings.Contains(f[0].Problem, "damaged or cut off") {
		t.Errorf("the status page shows %+v", f)
	}
	ask("b NOOP", "b OK")

	w.put(w.ca.ECDSA(t, "www.example.org"))
	w.now.Load().maintenance.look()
	w.now.Load().maintenance.look()
	wait.Until(t, "the log does not warn of another name", func() bool { return strings.Contains(w.log.String(), "; they are for www.example.org") })
}

// The goroutine itself: it looks by the clock, until it is stopped.
func TestMaintenanceLooksByItself(t *testing.T) {
	t.Parallel()
	w := newWorld(t, imaps)
	second := w.ca.ECDSA(t, "mail.example.com")
	w.put(second)
	wait.Until(t, "the files were not checked", func() bool { return w.served().Equal(second.Leaf) })
	u := w.now.Load().maintenance
	u.stop(nil)
	select {
	case <-u.ended:
	default:
		t.Error("the files are still checked")
	}
}

// A self-signed pair is renewed while it is served.
func TestSelfSignedPairIsRenewed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "hostname: mail.example.com\nlisteners: [{service: imaps, listen: \"{host}:0\", backend: \"{imap}\"}]\n")
	see := func() *x509.Certificate {
		conn, err := w.dial(0, func(c *tls.Config) { c.InsecureSkipVerify = true })
		if err != nil {
			t.Fatal(err)
		}
		return conn.ConnectionState().PeerCertificates[0]
	}
	first := see()
	task := func(now time.Time) {
		for _, do := range w.now.Load().maintenance.jobs {
			do(now)
		}
	}
	task(time.Now())
	if !see().Equal(first) {
		t.Error("the pair was renewed too early")
	}
	if err := os.RemoveAll(filepath.Join(w.folder, "state")); err != nil {
		t.Fatal(err)
	}
	task(first.NotAfter.Add(-29 * 24 * time.Hour))
	if see().Equal(first) {
		t.Error("the pair was not renewed")
	}
}
