package dialog

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"strings"
	"time"

	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/observe"
	"github.com/letterlock/letterlock/internal/test/loopback"
	"github.com/letterlock/letterlock/internal/upstream"
	"github.com/letterlock/letterlock/proxy"
)

// Gate is the gate under test.
type Gate = proxy.Gate

// serve runs the proxy with the gate of one session.
func (r *runner) serve(newGate func(map[string]string, *gate.Session) Gate) {
	r.server = &proxy.Server{Observer: r.events, Log: slog.New(slog.DiscardHandler)}
	r.prepare(r.t, r.server)
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
		Service: "dialog", Address: loopback.Host() + ":0", Implicit: r.script.implicit, Banner: "ready",
		TLS:         &tls.Config{Certificates: r.certs, MinVersion: tls.VersionTLS12},
		AuthAllowed: r.authAllowed(),
		Hidden:      strings.Fields(options["hide"]), Unnamed: strings.Fields(options["unnamed"]),
		Backend: first, LoginMethod: gate.LoginMethod(options["backend_login"]),
	}
	all := routes{first: first, second: second, home: options["home"], nowhere: options["nowhere"], lookup: lookupIn(options)}
	all.instead.User, all.instead.Password, _ = strings.Cut(options["instead"], " ")
	if all != (routes{first: first, second: second}) {
		l.Routes = all
	}
	return l
}

var errDown = errors.New("no answer within 5s")

// lookupIn returns the error of the lookup of backends; nil: it finds them.
func lookupIn(options map[string]string) error {
	text, refuses := options["lookup"]
	if !refuses {
		return nil
	}
	if text == "down" {
		return gate.LookupFailed(errDown)
	}
	code := ""
	if c, rest, ok := strings.Cut(text, "; "); ok {
		code, text = c, rest
	}
	refusal := gate.NewRefusal("", code, text)
	_, refusal.Ends = options["lookup_ends"]
	return refusal
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
	instead       gate.Credentials
	lookup        error // for all users; nil: none
}

// Find implements proxy.Routes.
func (r routes) Find(_ context.Context, l proxy.Login) (proxy.Route, error) {
	found := proxy.Route{Pool: r.first, Credentials: r.instead}
	switch l.Mailbox {
	case r.nowhere:
		return proxy.Route{}, gate.ErrNowhere
	case r.home:
		found.Pool = r.second
	}
	if r.lookup == nil {
		return found, nil
	}
	return found, r.lookup
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
