package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/letterlock/letterlock/internal/demo"
	"github.com/letterlock/letterlock/internal/test/authority"
	"github.com/letterlock/letterlock/internal/test/wait"
)

// world is the proxy at work, with certificates in a folder.
type world struct {
	*testing.T
	*running
	folder   string
	log      *wait.Log
	ca       *authority.CA
	backends *demo.Server
}

// newWorld starts the proxy in front of the demo's servers. The text is a
// configuration in a folder with cert.pem, key.pem and ca.pem; in it, {imap},
// {pop3}, {smtp} and {submission} are backends. The functions add to the folder.
func newWorld(t *testing.T, text string, add ...func(*world)) *world {
	t.Helper()
	backends, err := demo.Start("localhost")
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
	for _, more := range add {
		more(w)
	}
	w.configure(text)
	s := &source{file: filepath.Join(w.folder, "letterlock.yaml")}
	c, err := s.load()
	if err != nil {
		t.Fatal(err)
	}
	if w.running, err = start(c, slog.New(slog.NewTextHandler(w.log, nil))); err != nil {
		t.Fatal(err)
	}
	w.source.from(s)
	t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_ = w.server.Shutdown(ctx)
		w.close()
	})
	return w
}

// configure writes the configuration; what stands for a backend is its address.
func (w *world) configure(text string) {
	w.Helper()
	b := w.backends
	text = strings.NewReplacer("{imap}", b.IMAP(), "{pop3}", b.POP3(), "{smtp}", b.SMTP(), "{submission}", b.Submission()).Replace(text)
	if err := os.WriteFile(filepath.Join(w.folder, "letterlock.yaml"), []byte("state_dir: state\n"+text), 0o600); err != nil {
		w.Fatal(err)
	}
}

// put replaces the pair of files as a whole.
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
	conn, err := tls.Dial("tcp", w.server.Addresses()[i].String(), config)
	if err == nil {
		w.Cleanup(func() { _ = conn.Close() })
		_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	}
	return conn, err
}

// served is the certificate that a new connection sees.
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
  - {service: imaps, listen: "127.0.0.1:0", backend: "{imap}"}
`

func TestCertificateIsReplacedWhileASessionRuns(t *testing.T) {
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
	w.now.Load().upkeep.files.Look()
	w.now.Load().upkeep.files.Look()
	if got := w.served(); !got.Equal(second.Leaf) || got.Equal(first) {
		t.Errorf("the new certificate is not served")
	}
	if !strings.Contains(w.log.String(), `msg="certificate replaced"`) {
		t.Errorf("the log does not tell:\n%s", w.log)
	}

	if err := os.WriteFile(filepath.Join(w.folder, "cert.pem"), []byte("-----BEGIN CERTI"), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 4 {
		w.now.Load().upkeep.files.Look()
	}
	if !w.served().Equal(second.Leaf) {
		t.Error("a broken file has driven out the certificate")
	}
	if n := strings.Count(w.log.String(), "what it held before stays in use"); n != 1 || !strings.Contains(w.log.String(), "damaged or cut off") {
		t.Errorf("the log tells %d times:\n%s", n, w.log)
	}
	if f := w.now.Load().upkeep.shownFiles(); len(f) != 1 || f[0].Failures != 1 || !strings.Contains(f[0].Problem, "damaged or cut off") {
		t.Errorf("the status page is told %+v", f)
	}
	ask("b NOOP", "b OK")

	w.put(w.ca.ECDSA(t, "www.example.org"))
	w.now.Load().upkeep.look()
	w.now.Load().upkeep.look()
	wait.Until(t, "the log does not tell of another name", func() bool { return strings.Contains(w.log.String(), "; they are for www.example.org") })
}

// The goroutine itself: it looks by the clock, until it is told to end.
func TestUpkeepLooksByItself(t *testing.T) {
	w := newWorld(t, imaps)
	second := w.ca.ECDSA(t, "mail.example.com")
	w.put(second)
	wait.Until(t, "nobody has looked", func() bool { return w.served().Equal(second.Leaf) })
	u := w.now.Load().upkeep
	u.end()
	select {
	case <-u.ended:
	default:
		t.Error("somebody still looks")
	}
}

// A self-signed pair is renewed while it is served.
func TestSelfSignedPairIsRenewed(t *testing.T) {
	w := newWorld(t, "hostname: mail.example.com\nlisteners: [{service: imaps, listen: \"127.0.0.1:0\", backend: \"{imap}\"}]\n")
	see := func() *x509.Certificate {
		conn, err := w.dial(0, func(c *tls.Config) { c.InsecureSkipVerify = true })
		if err != nil {
			t.Fatal(err)
		}
		return conn.ConnectionState().PeerCertificates[0]
	}
	first := see()
	chore := func(now time.Time) {
		for _, do := range w.now.Load().upkeep.chores {
			do(now)
		}
	}
	chore(time.Now())
	if !see().Equal(first) {
		t.Error("it has been renewed too early")
	}
	if err := os.RemoveAll(filepath.Join(w.folder, "state")); err != nil {
		t.Fatal(err)
	}
	chore(first.NotAfter.Add(-29 * 24 * time.Hour))
	if see().Equal(first) {
		t.Error("it has not been renewed")
	}
}

func TestConfigCheckTellsOfCertificates(t *testing.T) {
	ca, folder := authority.New(t), t.TempDir()
	chain, key := authority.PEM(t, ca.ECDSA(t, "www.example.com"))
	file := filepath.Join(folder, "letterlock.yaml")
	for name, text := range map[string]string{
		"cert.pem": string(chain), "key.pem": string(key),
		"letterlock.yaml": "hostname: mail.example.com\n" + strings.ReplaceAll(imaps, "{imap}", "10.0.0.5:143"),
	} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var out, errs bytes.Buffer
	if status := run([]string{"config", "check", "--config", file}, newUI(&out, &errs)); status != exitOK {
		t.Fatalf("status %d\n%s", status, errs.String())
	}
	if want := "ECDSA P-256 for www.example.com, from test authority, until "; !strings.Contains(out.String(), want) {
		t.Errorf("no %q in\n%s", want, out.String())
	}
	if want := "no certificate is for the hostname mail.example.com; they are for www.example.com"; !strings.Contains(errs.String(), want) {
		t.Errorf("no %q in\n%s", want, errs.String())
	}
	if err := os.WriteFile(filepath.Join(folder, "cert.pem"), chain[:200], 0o600); err != nil {
		t.Fatal(err)
	}
	if status := run([]string{"config", "check", "--config", file}, newUI(&out, &errs)); status != exitFailed || !strings.Contains(errs.String(), "damaged or cut off") {
		t.Errorf("status %d\n%s", status, errs.String())
	}
}
