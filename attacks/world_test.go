package attacks

import (
	"context"
	"crypto/tls"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/letterlock/letterlock/configs"
	"github.com/letterlock/letterlock/imap"
	"github.com/letterlock/letterlock/internal/certs"
	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/observe"
	"github.com/letterlock/letterlock/internal/test/authority"
	"github.com/letterlock/letterlock/internal/test/wait"
	"github.com/letterlock/letterlock/internal/upstream"
	"github.com/letterlock/letterlock/pop3"
	"github.com/letterlock/letterlock/proxy"
	"github.com/letterlock/letterlock/sieve"
	"github.com/letterlock/letterlock/smtp"
	"github.com/letterlock/letterlock/tlspolicy"
)

// hostname is the proxy's; other is one more that it has a certificate for.
const (
	hostname = "mail.example.com"
	other    = "mail.example.net"
)

// patience bounds each wait: far more than a working proxy needs.
const patience = 10 * time.Second

// world is the proxy with a listener for every service, each in front of its
// own backend.
type world struct {
	*proxy.Server
	*proxy.Generation
	t     *testing.T
	store *certs.Store
	back  map[configs.Service]*backend
	rules map[configs.Service]*smtp.Options
	log   *wait.Log
	seen  *record
}

// open starts a world. The changes are made before it listens.
func open(t *testing.T, changes ...func(*world)) *world {
	t.Helper()
	d := configs.Default()
	ca := authority.New(t)
	w := &world{
		t: t, log: &wait.Log{}, back: map[configs.Service]*backend{}, rules: map[configs.Service]*smtp.Options{},
		store: certs.NewStore([]tls.Certificate{ca.ECDSA(t, hostname), ca.ECDSA(t, other)}),
	}
	log := slog.New(slog.NewTextHandler(w.log, nil))
	w.seen = &record{SessionLog: observe.SessionLog{Log: log}, changed: make(chan struct{}, 1)}
	w.Server = &proxy.Server{Observer: w.seen, Log: log}
	w.Generation = &proxy.Generation{
		Hostname: hostname,
		Limits: proxy.Limits{
			Connections: d.Limits.Connections, ConnectionsPerClient: d.Limits.ConnectionsPerClient, Handshakes: d.Limits.Handshakes,
			Line: d.Limits.Line, Token: d.Limits.Token, Literal: d.Limits.Literal, Errors: 100, Message: d.Limits.Message,
		},
		Timeouts: proxy.Timeouts{
			ProxyHeader: patience, Handshake: patience, Dial: patience, Greeting: patience, Command: patience, Login: 2 * patience,
			Idle: patience, Data: patience, EndOfData: patience,
		},
	}
	for _, service := range configs.Inbound() {
		w.add(service)
	}
	for _, change := range changes {
		change(w)
	}
	for _, b := range w.back {
		b.start()
	}
	if err := w.Listen(w.Generation); err != nil {
		t.Fatal(err)
	}
	w.Serve()
	t.Cleanup(func() { w.end() })
	return w
}

// add makes the listener of a service as cmd/letterlock does.
func (w *world) add(service configs.Service) {
	w.t.Helper()
	policy, err := tlspolicy.Named(service.DefaultPolicy())
	if err != nil {
		w.t.Fatal(err)
	}
	b := newBackend(w.t, service.Protocol())
	w.back[service] = b
	config := policy.Config(alpn[service.Protocol()]...)
	config.GetCertificate = w.store.Get(policy)
	config.SessionTicketsDisabled = service == configs.SMTP
	w.Listeners = append(w.Listeners, &proxy.Listener{
		Service: string(service), Address: "127.0.0.1:0", Implicit: service.Implicit(),
		TLS: config, Strong: policy.Strong, Banner: "ready",
		Backend: &upstream.Pool{Addresses: []string{b.address()}}, NewGate: w.gate(service),
	})
}

var alpn = map[string][]string{
	"smtp": {"smtp", "esmtp", "submission"}, "imap": {"imap"}, "pop3": {"pop3"}, "sieve": {"managesieve"},
}

func (w *world) gate(service configs.Service) func(*gate.Session) proxy.Gate {
	switch service.Protocol() {
	case "imap":
		return func(s *gate.Session) proxy.Gate { return imap.New(s) }
	case "pop3":
		return func(s *gate.Session) proxy.Gate { return pop3.New(s) }
	case "sieve":
		return func(s *gate.Session) proxy.Gate { return sieve.New(s) }
	}
	o := &smtp.Options{RequireTLS: true, Auth: smtp.RequireAuth, Received: true, DisableVRFY: true}
	if service == configs.SMTP {
		o.RequireTLS, o.Auth, o.Recipients = false, smtp.NoAuth, smtp.Recipients([]string{"example.com"})
	}
	w.rules[service] = o
	return func(s *gate.Session) proxy.Gate { return smtp.New(s, *o) }
}

// listener is the one of a service.
func (w *world) listener(service configs.Service) *proxy.Listener {
	for _, l := range w.Listeners {
		if l.Service == string(service) {
			return l
		}
	}
	w.t.Fatalf("no listener for %s", service)
	return nil
}

func (w *world) address(service configs.Service) string {
	for i, l := range w.Listeners {
		if l.Service == string(service) {
			return w.Addresses()[i].String()
		}
	}
	w.t.Fatalf("no listener for %s", service)
	return ""
}

// end cuts off what still runs and waits until the backends have heard all
// that was sent to them.
func (w *world) end() {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_ = w.Shutdown(ctx)
	for _, b := range w.back {
		b.close()
	}
}

// untouched ends the world and fails the test if a backend was reached.
func (w *world) untouched() {
	w.t.Helper()
	w.end()
	for service, b := range w.back {
		if heard := b.heard(); b.sessions() > 0 {
			w.t.Errorf("%s: the backend was dialled and heard %q", service, heard)
		}
	}
}

// unheard ends the world and fails the test if a backend has heard any of the
// words, in whatever case.
func (w *world) unheard(words ...string) {
	w.t.Helper()
	w.end()
	for service, b := range w.back {
		heard := strings.ToUpper(b.heard())
		for _, word := range words {
			if strings.Contains(heard, strings.ToUpper(word)) {
				w.t.Errorf("%s: the backend has heard %q: %q", service, word, b.heard())
			}
		}
	}
}

// silent fails the test if a secret is in the log.
func (w *world) silent(secrets ...string) {
	w.t.Helper()
	for _, secret := range secrets {
		if strings.Contains(w.log.String(), secret) {
			w.t.Errorf("%q is in the log: %s", secret, w.log)
		}
	}
}

// record is the log and a list of the reasons for which sessions ended.
type record struct {
	observe.SessionLog
	mu      sync.Mutex
	ended   []gate.Reason
	changed chan struct{}
}

func (r *record) Closed(info *observe.Session, end observe.Summary) {
	r.SessionLog.Closed(info, end)
	r.mu.Lock()
	r.ended = append(r.ended, end.Reason)
	r.mu.Unlock()
	select {
	case r.changed <- struct{}{}:
	default:
	}
}

// reasons waits for n sessions to have ended, and says why.
func (w *world) reasons(n int) []gate.Reason {
	w.t.Helper()
	timeout := time.After(patience)
	for {
		w.seen.mu.Lock()
		ended := append([]gate.Reason(nil), w.seen.ended...)
		w.seen.mu.Unlock()
		if len(ended) >= n {
			return ended
		}
		select {
		case <-w.seen.changed:
		case <-timeout:
			w.t.Fatalf("%d sessions have ended, not %d", len(ended), n)
		}
	}
}
