package dialog

import (
	"context"
	"crypto/tls"
	"log/slog"
	"strings"
	"time"

	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/observe"
	"github.com/letterlock/letterlock/internal/upstream"
	"github.com/letterlock/letterlock/proxy"
)

// Gate is the gate under test.
type Gate = proxy.Gate

// serve runs the proxy with the gate of one session.
func (r *runner) serve(newGate func(map[string]string, *gate.Session) Gate) {
	r.server = &proxy.Server{Observer: r.events, Log: slog.New(slog.DiscardHandler)}
	l := r.newListener()
	l.NewGate = func(s *gate.Session) proxy.Gate {
		r.setFacts(s)
		return newGate(r.script.options, s)
	}
	g := &proxy.Generation{Hostname: "mail.example.com", Listeners: []*proxy.Listener{l}, Limits: r.limits(), Timeouts: timeouts()}
	if err := r.server.Listen(g); err != nil {
		r.t.Fatal(err)
	}
	r.server.Serve()
	r.t.Cleanup(r.stop)
}

// stop closes the session, if it has not ended.
func (r *runner) stop() {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_ = r.server.Shutdown(ctx)
}

// newListener returns the listener that the options describe, without its gate.
func (r *runner) newListener() *proxy.Listener {
	options := r.script.options
	first, second := r.pool(), r.pool()
	l := &proxy.Listener{
		Service: "dialog", Address: "127.0.0.1:0", Implicit: r.script.implicit, Banner: "ready",
		TLS:         &tls.Config{Certificates: r.certs, MinVersion: tls.VersionTLS12},
		AuthAllowed: r.authAllowed(),
		Hidden:      strings.Fields(options["hide"]), Unnamed: strings.Fields(options["unnamed"]),
		Backend: first, LoginMethod: gate.LoginMethod(options["backend_login"]),
	}
	if home, nowhere := options["home"], options["nowhere"]; home != "" || nowhere != "" {
		l.Routes = routes{first: first, second: second, home: home, nowhere: nowhere}
	}
	return l
}

// pool returns a pool of the backend.
func (r *runner) pool() *upstream.Pool {
	p := &upstream.Pool{Addresses: []string{r.listener.Addr().String()}}
	if r.script.options["backend"] == "starttls" {
		p.StartTLS, p.TLS = true, func(string) *tls.Config { return clientConfig() }
	}
	return p
}

// routes give one user a backend of its own, and another user none.
type routes struct {
	first, second *upstream.Pool
	home, nowhere string
}

// Find implements proxy.Routes.
func (r routes) Find(user string) (p *upstream.Pool, known bool) {
	switch user {
	case r.nowhere:
		return nil, false
	case r.home:
		return r.second, true
	}
	return r.first, true
}

// Pools implements proxy.Routes. The second pool is not listed: it would be tried
// when the first one fails.
func (routes) Pools() []*upstream.Pool { return nil }

func timeouts() proxy.Timeouts {
	return proxy.Timeouts{
		Handshake: patience, Dial: patience, Greeting: patience, Command: patience, Login: patience,
		Unauthenticated: patience, Idle: patience, Data: patience, Message: patience, EndOfData: patience,
	}
}

// events is the proxy's observer: it waits for the end of the session.
type events struct {
	observe.None
	ended chan gate.Reason
}

// Closed implements observe.Observer.
func (e *events) Closed(_ *observe.Session, end observe.Summary) { e.ended <- end.Reason }

// awaitEnd waits until the session has ended, for the reason that the options name.
func (r *runner) awaitEnd() {
	r.t.Helper()
	select {
	case why := <-r.events.ended:
		if want := r.script.options["ends"]; want != "" && want != why.String() {
			r.t.Errorf("the session ends for the reason %s, not %s", why, want)
		}
	case <-time.After(patience):
		r.t.Fatal("the session does not end")
	}
	r.stop() // waits for the session's goroutine
}
