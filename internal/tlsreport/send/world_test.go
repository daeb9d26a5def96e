package send

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"log/slog"
	"net/http"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/letterlock/letterlock/internal/resolver"
	"github.com/letterlock/letterlock/internal/test/wait"
	"github.com/letterlock/letterlock/internal/tlsreport"
	"github.com/letterlock/letterlock/internal/tlsreport/days"
)

// world is a sender with its surroundings. The day that it reports is 2026-11-28.
type world struct {
	*testing.T
	*Sender
	file string
	web  *http.Client

	mu       sync.Mutex
	now      time.Time
	record   string // in which each domain asks for reports; "!" is a failure of DNS
	refuse   error  // by the mail server
	mails    []string
	to       []string
	outcomes []string
	log      bytes.Buffer
}

var errDNS = errors.New("no answer")

func (w *world) Ask(_ context.Context, _ string, _ dnsmessage.Type) (a resolver.Answer, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.record == "!" {
		return a, errDNS
	}
	if w.record != "" {
		a.Records = []dnsmessage.Resource{{Body: &dnsmessage.TXTResource{TXT: []string{w.record}}}}
	}
	return a, nil
}

func (w *world) Send(_ context.Context, _, to string, message []byte) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.mails, w.to = append(w.mails, string(message)), append(w.to, to)
	return w.refuse
}

func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

func (w *world) set(now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = now
}

var morning = time.Date(2026, 11, 29, 6, 0, 0, 0, time.UTC)

func newWorld(t *testing.T, record string, key crypto.Signer) *world {
	t.Helper()
	w := &world{T: t, record: record, file: filepath.Join(t.TempDir(), "tlsrpt.db"), web: http.DefaultClient, now: morning.Add(-12 * time.Hour)}
	o := Options{
		Days: days.New(w.file, "mail.example.com", w.clock), DNS: w, Mail: w, Web: func() *http.Client { return w.web },
		Name: "mail.example.com", From: "tls-reports@example.com", Organization: "Example Ltd",
		DKIM: DKIM{Domain: "example.com", Selector: "sel", Key: func() (crypto.Signer, error) { return key, nil }},
		Log:  slog.New(slog.NewTextHandler(&w.log, nil)), Now: w.clock,
		Count: func(outcome string) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.outcomes = append(w.outcomes, outcome)
		},
	}
	w.Sender = New(o)
	t.Cleanup(w.Close)
	w.addSession("a.example", nil)
	w.addSession("a.example", errDNS)
	w.Work()
	w.set(morning)
	return w
}

func (w *world) addSession(domain string, err error) {
	w.Helper()
	s := tlsreport.Session{
		Domain: domain, Policy: tlsreport.Policy{Kind: tlsreport.STS, Domain: domain, Lines: []string{"version: STSv1", "mode: enforce"}, MX: []string{"*.a.example"}},
		Server: tlsreport.Server{Host: "mx." + domain, IP: "192.0.2.1"}, Sender: "198.51.100.1", Err: err,
	}
	if err := w.o.Days.Add(context.Background(), s, ""); err != nil {
		w.Fatal(err)
	}
}

// work sends what is due, and waits for a number of outcomes so far.
func (w *world) work(outcomes int) {
	w.Helper()
	w.Work()
	wait.Until(w.T, "the reports are not sent", func() bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		return len(w.outcomes) >= outcomes && len(w.slots) == 0
	})
}

func ed25519Key(t *testing.T) ed25519.PrivateKey {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}
