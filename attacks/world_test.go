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
	"github.com/letterlock/letterlock/internal/app"
	"github.com/letterlock/letterlock/internal/certs"
	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/observe"
	"github.com/letterlock/letterlock/internal/test/authority"
	"github.com/letterlock/letterlock/internal/test/loopback"
	"github.com/letterlock/letterlock/internal/test/wait"
	"github.com/letterlock/letterlock/proxy"
)

// The hostname, and another name that the proxy has a certificate for.
const (
	hostname = "mail.example.com"
	other    = "mail.example.net"
)

// patience bounds each wait. It is far longer than a working proxy needs.
const patience = 10 * time.Second

// soon is the timeout of the proxy that a test waits for. It must expire while the
// client sends nothing, or too little, and so may be shorter than the timeouts of
// steps that must succeed.
const soon = patience / 5

// world is the proxy as internal/app runs it, with a listener for every
// service, each in front of its own backend.
type world struct {
	*proxy.Server
	*configs.Config // may be changed before the proxy starts
	t               *testing.T
	proxy           *app.Proxy
	store           *certs.Store
	back            map[configs.Service]*backend
	prepared        []func() // called before the proxy starts
	log             *wait.Log
	logger          *slog.Logger
	seen            *record
}

// open starts a world. It applies the changes before it listens.
func open(t *testing.T, changes ...func(*world)) *world {
	t.Helper()
	return openServices(t, configs.Inbound(), changes...)
}

// openOnly starts a world with the listener of one service, for attacks on that
// service alone.
func openOnly(t *testing.T, service configs.Service, changes ...func(*world)) *world {
	t.Helper()
	return openServices(t, []configs.Service{service}, changes...)
}

func openServices(t *testing.T, services []configs.Service, changes ...func(*world)) *world {
	t.Helper()
	w := &world{
		t: t, Config: config(), log: &wait.Log{}, back: map[configs.Service]*backend{}, seen: &record{changed: make(chan struct{}, 1)},
		store: certs.NewStore(certificates(t)),
	}
	w.logger = slog.New(slog.NewTextHandler(w.log, nil))
	w.StateDir = t.TempDir()
	for _, service := range services {
		w.add(service)
	}
	for _, change := range changes {
		change(w)
	}
	for _, b := range w.back {
		b.start()
	}
	var err error
	if w.proxy, err = app.New(w.Config, app.Options{Log: w.logger, Certificates: w.store, Observer: w.seen}); err != nil {
		t.Fatal(err)
	}
	for _, prepare := range w.prepared {
		prepare()
	}
	if err := w.proxy.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	w.Server = w.proxy.Server()
	t.Cleanup(func() { w.stop() })
	return w
}

// certificates returns the certificates of every world.
func certificates(t *testing.T) []tls.Certificate {
	issued.Do(func() {
		ca := authority.New(t)
		issued.chains = []tls.Certificate{ca.ECDSA(t, hostname), ca.ECDSA(t, other)}
	})
	return issued.chains
}

var issued struct {
	sync.Once
	chains []tls.Certificate
}

// config returns the default configuration, with timeouts that suit tests. The tests of
// internal/app check how the proxy connects to its own listeners; here each world would
// repeat that, in as much time as all attacks need.
func config() *configs.Config {
	d, off := configs.Default(), false
	return &configs.Config{
		Hostname: hostname, Probe: &off, ServedCheck: "off",
		Limits: configs.Limits{
			Connections: d.Limits.Connections, ConnectionsPerClient: d.Limits.ConnectionsPerClient, Handshakes: d.Limits.Handshakes,
			Line: d.Limits.Line, Token: d.Limits.Token, Literal: d.Limits.Literal, Errors: 100, Message: d.Limits.Message,
		},
		Timeouts: configs.Timeouts{
			ProxyHeader: patience, Handshake: patience, Dial: patience, Greeting: patience, Command: patience, Login: 2 * patience,
			Idle: patience, Data: patience, EndOfData: patience,
		},
	}
}

// add makes the listener of a service.
func (w *world) add(service configs.Service) {
	b := newBackend(w.t, service.Protocol())
	w.back[service] = b
	l := configs.Listener{
		Service: service, Listen: loopback.Host() + ":0", Backend: b.address(), BackendLogin: "same",
		ReverseDNS: new(bool), GreetDelay: new(time.Duration),
	}
	if service == configs.SMTP {
		l.Recipients = []string{"example.com"}
	}
	w.Listeners = append(w.Listeners, l)
}

// listener returns the configuration of a service's listener.
func (w *world) listener(service configs.Service) *configs.Listener {
	for i, l := range w.Listeners {
		if l.Service == service {
			return &w.Listeners[i]
		}
	}
	w.t.Fatalf("no listener for %s", service)
	return nil
}

// prepare changes a service's listener after the configuration was resolved, for
// changes that a configuration cannot express.
func (w *world) prepare(service configs.Service, change func(l *proxy.Listener)) {
	w.prepared = append(w.prepared, func() {
		for _, l := range w.proxy.Listeners() {
			if l.Service == string(service) {
				change(l)
			}
		}
	})
}

func (w *world) address(service configs.Service) string {
	for i, l := range w.Listeners {
		if l.Service == service {
			return w.Addresses()[i].String()
		}
	}
	w.t.Fatalf("no listener for %s", service)
	return ""
}

// stop ends all sessions and waits until the backends have received everything
// that was sent to them.
func (w *world) stop() {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	w.proxy.Shutdown(ctx)
	for _, b := range w.back {
		b.close()
	}
}

// untouched stops the world and fails the test if a backend was dialled.
func (w *world) untouched() {
	w.t.Helper()
	w.stop()
	for service, b := range w.back {
		if received := b.received(); b.sessions() > 0 {
			w.t.Errorf("%s: the backend was dialled and received %q", service, received)
		}
	}
}

// noneReceived stops the world and fails the test if a backend has received one
// of the words, in upper or lower case.
func (w *world) noneReceived(words ...string) {
	w.t.Helper()
	w.stop()
	for service, b := range w.back {
		received := strings.ToUpper(b.received())
		for _, word := range words {
			if strings.Contains(received, strings.ToUpper(word)) {
				w.t.Errorf("%s: the backend received %q: %q", service, word, b.received())
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

// record holds the reasons for which sessions ended.
type record struct {
	observe.None
	mu      sync.Mutex
	ended   []gate.Reason
	changed chan struct{}
}

func (r *record) Closed(_ *observe.Session, end observe.Summary) {
	r.mu.Lock()
	r.ended = append(r.ended, end.Reason)
	r.mu.Unlock()
	select {
	case r.changed <- struct{}{}:
	default:
	}
}

// reasons waits until n sessions have ended, and returns their reasons.
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
