package admin

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"

	"github.com/letterlock/letterlock/internal/explain"
	"github.com/letterlock/letterlock/internal/health"
	"github.com/letterlock/letterlock/internal/observe"
	"github.com/letterlock/letterlock/internal/record"
	"github.com/letterlock/letterlock/internal/web"
)

// Proxy is the running proxy, which the API shows and changes.
type Proxy interface {
	// EachSession calls f for every open session. Kick asks the sessions that match
	// to end, and returns their number.
	EachSession(f func(*observe.Open))
	Kick(match func(*observe.Open) bool) int

	// Backends lists the addresses of all backends. DrainBackend sets whether an
	// address gets new sessions; it reports false if no backend has it.
	Backends() []Backend
	DrainBackend(address string, drained bool) (known bool)

	// Failures lists the failed logins that count. Forget forgets those of a client
	// or a user, and returns their number.
	Failures() []Failure
	Forget(client netip.Addr, user string) int

	// Explain reports what happened to a user, a client or a session. With an empty
	// kind, the form of the word decides which it is.
	Explain(of string, kind explain.Kind) (explain.Answer, error)

	// Record begins a recording of sessions, and StopRecording ends it. Recording
	// describes the last one.
	Record(record.Order) error
	StopRecording()
	Recording() record.State

	LogLevel() slog.Level
	SetLogLevel(slog.Level)
}

// Options configure a Server.
type Options struct {
	Proxy   Proxy
	Status  http.Handler // serves the state of the proxy as JSON
	Health  health.Checks
	Profile bool // whether profiles of the process are served
	Log     *slog.Logger

	// Administrator returns who has sent a request, for the log; nil: unknown.
	Administrator func(context.Context) string
}

// log returns the log for what a request has changed.
func (o Options) log(r *http.Request) *slog.Logger {
	if o.Administrator == nil {
		return o.Log
	}
	return o.Log.With("administrator", o.Administrator(r.Context()))
}

// connections bounds the connections of the socket. Administrators have few.
const connections = 32

// NewServer returns a server on a socket of Listen. It owns the socket.
func NewServer(socket net.Listener, o Options) *web.Server {
	limits := web.Limits{Connections: connections, PerClient: connections}
	return web.New(socket, web.Options{Name: "admin socket", Handler: o.handler(), Limits: limits, Log: o.Log})
}

// handler serves the requests; docs/admin.md lists them.
func (o Options) handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /v1/status", o.Status)
	o.Health.Register(mux) // not below /v1/: container engines and balancers ask for it too
	mux.HandleFunc("GET /v1/sessions", o.sessions)
	mux.HandleFunc("GET /v1/backends", o.backends)
	mux.HandleFunc("GET /v1/failures", o.failures)
	o.registerActions(mux)
	mux.HandleFunc("GET /v1/explain", o.explain)
	mux.HandleFunc("GET /v1/record", o.recording)
	mux.HandleFunc("POST /v1/record", o.record)
	mux.HandleFunc("POST /v1/record/stop", o.stopRecording)
	mux.HandleFunc("GET /v1/log-level", o.logLevel)
	mux.HandleFunc("POST /v1/log-level", o.setLogLevel)
	mux.HandleFunc("GET /v1/profile", o.profile)
	mux.HandleFunc("/", unknown)
	return mux
}

// registerActions adds the requests that the status page sends too.
func (o Options) registerActions(mux *http.ServeMux) {
	mux.HandleFunc("POST /v1/kick", o.kick)
	mux.HandleFunc("POST /v1/backends/drain", func(w http.ResponseWriter, r *http.Request) { o.drain(w, r, true) })
	mux.HandleFunc("POST /v1/backends/resume", func(w http.ResponseWriter, r *http.Request) { o.drain(w, r, false) })
	mux.HandleFunc("POST /v1/failures/forget", o.forget)
}

func unknown(w http.ResponseWriter, r *http.Request) {
	fail(w, http.StatusNotFound, "there is no request %s %s in this version", r.Method, r.URL.Path)
}

// Actions serves the requests that the status page may send: to end sessions, to drain
// and resume backends, and to forget failed logins.
func (o Options) Actions() http.Handler {
	mux := http.NewServeMux()
	o.registerActions(mux)
	mux.HandleFunc("/", unknown)
	return mux
}

func (o Options) sessions(w http.ResponseWriter, r *http.Request) {
	filter, ok := filterOf(w, r)
	if !ok {
		return
	}
	all := Sessions{Sessions: []Session{}}
	o.Proxy.EachSession(func(open *observe.Open) {
		if filter.Matches(open) {
			all.Sessions = append(all.Sessions, sessionOf(open))
		}
	})
	all.sort()
	reply(w, all)
}

func (o Options) kick(w http.ResponseWriter, r *http.Request) {
	filter, ok := filterOf(w, r)
	switch {
	case !ok:
		return
	case filter.Empty():
		fail(w, http.StatusBadRequest, "one of the parameters %q is required: they select the sessions to end", FilterKeys)
		return
	}
	n := o.Proxy.Kick(filter.Matches)
	o.log(r).Info("the administrator ends sessions", "filter", r.URL.RawQuery, "sessions", n)
	reply(w, Kicked{n})
}

// filterOf reads the filter of a request, and replies to a faulty one.
func filterOf(w http.ResponseWriter, r *http.Request) (f Filter, ok bool) {
	parameters, ok := parametersOf(w, r, FilterKeys...)
	if !ok {
		return f, false
	}
	f, err := ParseFilter(parameters)
	if err != nil {
		fail(w, http.StatusBadRequest, "%v", err)
	}
	return f, err == nil
}

// parametersOf returns the parameters of a request. It replies to a request with
// another parameter than the known ones: a filter that is ignored would end all
// sessions.
func parametersOf(w http.ResponseWriter, r *http.Request, known ...string) (url.Values, bool) {
	parameters, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		fail(w, http.StatusBadRequest, "the parameters cannot be read: %v", err)
		return nil, false
	}
	for name := range parameters {
		if !slices.Contains(known, name) {
			fail(w, http.StatusBadRequest, "there is no parameter %q in this version", name)
			return nil, false
		}
	}
	return parameters, true
}
