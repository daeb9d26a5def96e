package app

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"log"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	gosmtp "github.com/emersion/go-smtp"
	"golang.org/x/net/dns/dnsmessage"

	"github.com/letterlock/letterlock/configs"
	"github.com/letterlock/letterlock/internal/test/loopback"
	"github.com/letterlock/letterlock/internal/test/nameserver"
	"github.com/letterlock/letterlock/internal/test/wait"
	"github.com/letterlock/letterlock/internal/tlsreport"
	"github.com/letterlock/letterlock/internal/tlsreport/days"
)

// mailbox is a mail server that keeps messages.
type mailbox struct {
	sink
	mu   sync.Mutex
	to   []string
	text []string
}

func (m *mailbox) NewSession(*gosmtp.Conn) (gosmtp.Session, error) { return m, nil }

func (m *mailbox) Rcpt(to string, _ *gosmtp.RcptOptions) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.to = append(m.to, to)
	return nil
}

func (m *mailbox) Data(r io.Reader) error {
	text, err := io.ReadAll(r)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.text = append(m.text, string(text))
	return err
}

func (m *mailbox) received() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.text
}

// serve starts the server without TLS, and returns its port.
func (m *mailbox) serve(t *testing.T) (port string) {
	t.Helper()
	l := loopback.Listen(t)
	s := gosmtp.NewServer(m)
	s.Domain, s.ErrorLog, s.ReadTimeout = "mx.example.net", log.New(io.Discard, "", 0), 20*time.Second
	ended := make(chan struct{})
	go func() { _ = s.Serve(l); close(ended) }()
	t.Cleanup(func() { _ = s.Close(); <-ended })
	return l.Addr().String()[strings.LastIndexByte(l.Addr().String(), ':')+1:]
}

func writeKey(t *testing.T, file string) {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
}

// newReporting starts a smarthost that sends reports. example.net asks for them, and its
// server, which has the mailbox, has no TLS. Its port is returned.
func newReporting(t *testing.T, box *mailbox, add ...func(*world)) (w *world, port string) {
	t.Helper()
	port = box.serve(t)
	dns := nameserver.New(t)
	dns.Set("example.net", &dnsmessage.MXResource{Pref: 1, MX: dnsmessage.MustNewName("mx.example.net.")})
	dns.Set("mx.example.net", &dnsmessage.AResource{A: loopback.IPv4()})
	dns.Set("_smtp._tls.example.net", &dnsmessage.TXTResource{TXT: []string{"v=TLSRPTv1; rua=mailto:tls@example.net"}})
	key := func(w *world) { writeKey(w.T, filepath.Join(w.folder, "dkim.pem")) }
	return newWorld(t, `
hostname: mail.example.com
smarthost:
  resolvers: ["`+dns.Address+`"]
  tlsrpt: {from: tls-reports@example.com, dkim: {selector: sel, key_file: dkim.pem}}
  destinations: [{domains: [example.net], next_hop: "example.net:`+port+`", networks: ["{host}"]}]
listeners: [{service: smarthost, listen: "{host}:0"}]
`, append(add, key)...), port
}

// dueTomorrow returns the reports that are due tomorrow.
func (w *world) dueTomorrow() []days.Due {
	w.Helper()
	tomorrow := days.New(filepath.Join(w.folder, "state", "tlsrpt.db"), "mail.example.com", func() time.Time { return time.Now().Add(36 * time.Hour) })
	all, err := tomorrow.Due(10)
	if err != nil {
		w.Fatal(err)
	}
	return all
}

// The results of a day go to the domain on the next day, by the smarthost's own way,
// although TLS fails there. That delivery is in no report itself.
func TestReportsAreSent(t *testing.T) {
	t.Parallel()
	box := &mailbox{}
	w, port := newReporting(t, box, func(w *world) { w.reportable("example.net") })
	if err := w.submit("bob@example.net"); err != nil {
		t.Fatal(err)
	}
	w.work()
	wait.Until(t, "the report does not arrive", func() bool { return len(box.received()) == 2 })
	report := box.received()[1]
	if box.to[1] != "tls@example.net" || !strings.HasPrefix(report, "DKIM-Signature: ") || !strings.Contains(report, "\r\nTLS-Report-Domain: example.net\r\n") || strings.Contains(report, "Received:") {
		t.Errorf("%s: %s", box.to[1], report)
	}
	wait.Until(t, "the log does not say so", func() bool { return strings.Contains(w.log.String(), "report about TLS sent") })
	if log := w.log.String(); !strings.Contains(log, "service=tlsrpt domain=example.net relay=mx.example.net["+loopback.Host()+"]:"+port+" tls=none") {
		t.Error(log)
	}
	// The session of today is kept, also for a successor, and the report's is not.
	wait.Until(t, "the session is not kept", func() bool {
		w.work()
		all := w.dueTomorrow()
		return len(all) == 1 && all[0].Results[0].Summary.Failed == 1 && all[0].Results[0].Failures[0].Type == "starttls-not-supported"
	})
}

// reportable adds a session with a domain whose report is due.
func (w *world) reportable(domain string) {
	w.Helper()
	before := func() time.Time { return time.Now().Add(-36 * time.Hour) }
	s := days.New(filepath.Join(w.folder, "state", "tlsrpt.db"), "mail.example.com", before)
	session := tlsreport.Session{Domain: domain, Policy: tlsreport.Policy{Kind: tlsreport.NoPolicy, Domain: domain}, Err: tlsreport.ErrNoSTARTTLS}
	if err := errors.Join(s.Add(context.Background(), session, ""), s.Flush()); err != nil {
		w.Fatal(err)
	}
}

// The record of a domain cannot make the proxy connect to this machine or to private
// networks.
func TestH26_ReportsStayOutside(t *testing.T) {
	t.Parallel()
	dns := nameserver.New(t)
	dns.Set("_smtp._tls.example.net", &dnsmessage.TXTResource{TXT: []string{"v=TLSRPTv1; rua=https://web.example.net/,https://127.0.0.1/,mailto:a@in.example.net,mailto:a@[10.0.0.1]"}})
	dns.Set("web.example.net", &dnsmessage.AResource{A: [4]byte{127, 0, 0, 1}})
	dns.Set("in.example.net", &dnsmessage.AResource{A: [4]byte{10, 0, 0, 1}})
	w := newWorld(t, `
hostname: mail.example.com
smarthost: {resolvers: ["`+dns.Address+`"], tlsrpt: {from: tls-reports@example.com, dkim: {selector: sel, key_file: dkim.pem}}}
listeners: [{service: smarthost, listen: "{host}:0"}]
`, func(w *world) {
		writeKey(w.T, filepath.Join(w.folder, "dkim.pem"))
		w.reportable("example.net")
	})
	w.work()
	wait.Until(t, "no report is tried", func() bool { return strings.Contains(w.log.String(), "it is tried again") })
	for _, want := range []string{"127.0.0.1 is this machine", "127.0.0.1 has no address", "10.0.0.1 is in a private network"} {
		if log := w.log.String(); !strings.Contains(log, want) {
			t.Errorf("the log lacks %q: %s", want, log)
		}
	}
}

// work does what maintenance does each minute.
func (w *world) work() { w.now.Load().maintenance.sender.Work() }

// A reload keeps the results that are not in the file yet.
func TestReloadKeepsResults(t *testing.T) {
	t.Parallel()
	w, _ := newReporting(t, &mailbox{})
	before := w.now.Load().maintenance
	w.Reload()
	if after := w.now.Load().maintenance; after == before || after.days != before.days || after.sender == before.sender {
		t.Error("the results are not kept, or the sender is")
	}
}

// The results of sessions that go on after a reload, during an upgrade, and during a
// shutdown are kept too.
func TestResultsOfTheLastSessions(t *testing.T) {
	t.Parallel()
	for name, begin := range map[string]func(*world) (ended chan struct{}){
		"reload": func(w *world) chan struct{} {
			w.Reload()
			return nil
		},
		"reload without reports": func(w *world) chan struct{} {
			w.source.Load = func() (*configs.Config, error) {
				c, err := configs.Load(w.Proxy.source.File)
				if err == nil {
					c.Smarthost.TLSRPT = nil
				}
				return c, err
			}
			w.Reload()
			return nil
		},
		"upgrade": func(w *world) chan struct{} {
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				w.Drain(context.Background())
				w.Shutdown(context.Background())
			}()
			wait.Until(w.T, "no upgrade", func() bool { return strings.Contains(w.log.String(), "another process accepts") })
			return ended
		},
		"shutdown": func(w *world) chan struct{} {
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				w.Shutdown(context.Background())
			}()
			wait.Until(w.T, "no shutdown", func() bool { return strings.Contains(w.log.String(), "shutting down") })
			return ended
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, _ := newReporting(t, &mailbox{})
			c, err := gosmtp.Dial(w.Addresses()[0].String())
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = c.Close() }()
			if err := errors.Join(c.Hello("legacy.lan"), c.Mail("alice@example.com", nil)); err != nil {
				t.Fatal(err)
			}
			ended := begin(w)
			if err := c.Rcpt("bob@example.net", nil); err != nil {
				t.Fatal(err)
			}
			_ = c.Quit()
			if ended != nil {
				<-ended
			} else {
				w.Shutdown(t.Context())
			}
			if all := w.dueTomorrow(); len(all) != 1 || all[0].Results[0].Summary.Failed != 1 {
				t.Errorf("%+v", all)
			}
		})
	}
}

func ecdsaKey(t *testing.T) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// A key that cannot sign stops the start.
func TestDKIMKey(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	for name, text := range map[string]string{
		"no PEM": "key", "no key": "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "": "",
		"ECDSA": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: ecdsaKey(t)})),
	} {
		file := filepath.Join(folder, "key.pem")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := readDKIM(file); err == nil || strings.Contains(err.Error(), "AAAA") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
