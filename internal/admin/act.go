package admin

import (
	"log/slog"
	"net/http"
	"net/netip"

	"github.com/letterlock/letterlock/internal/explain"
)

func (o Options) backends(w http.ResponseWriter, r *http.Request) {
	if _, ok := parametersOf(w, r); ok {
		reply(w, Backends{o.Proxy.Backends()})
	}
}

// drain sets whether an address of a backend gets new sessions.
func (o Options) drain(w http.ResponseWriter, r *http.Request, drained bool) {
	parameters, ok := parametersOf(w, r, "address")
	if !ok {
		return
	}
	address := parameters.Get("address")
	if !o.Proxy.DrainBackend(address, drained) {
		fail(w, http.StatusNotFound, "no backend has the address %q", address)
		return
	}
	word := "the administrator resumes a backend: it gets new sessions"
	if drained {
		word = "the administrator drains a backend: it gets no new sessions"
	}
	o.log(r).Info(word, "address", address)
	reply(w, Backends{o.Proxy.Backends()})
}

func (o Options) failures(w http.ResponseWriter, r *http.Request) {
	if _, ok := parametersOf(w, r); ok {
		reply(w, Failures{o.Proxy.Failures()})
	}
}

func (o Options) forget(w http.ResponseWriter, r *http.Request) {
	parameters, ok := parametersOf(w, r, "user", "client")
	if !ok {
		return
	}
	user, text := parameters.Get("user"), parameters.Get("client")
	client, err := netip.ParseAddr(text)
	switch {
	case text != "" && err != nil:
		fail(w, http.StatusBadRequest, "client %q is not an address", text)
	case text == "" && user == "":
		fail(w, http.StatusBadRequest, "user or client is required: it selects the failed logins to forget")
	default:
		n := o.Proxy.Forget(client, user)
		o.log(r).Info("the administrator forgets failed logins", "user", user, "client", text, "forgotten", n)
		reply(w, Forgotten{n})
	}
}

func (o Options) explain(w http.ResponseWriter, r *http.Request) {
	parameters, ok := parametersOf(w, r, "of", "kind")
	if !ok {
		return
	}
	answer, err := o.Proxy.Explain(parameters.Get("of"), explain.Kind(parameters.Get("kind")))
	if err != nil {
		fail(w, http.StatusBadRequest, "%v", err)
		return
	}
	reply(w, answer)
}

func (o Options) logLevel(w http.ResponseWriter, r *http.Request) {
	if _, ok := parametersOf(w, r); ok {
		reply(w, o.level())
	}
}

func (o Options) level() LogLevel { return LogLevel{levelNames[o.Proxy.LogLevel()]} }

// levelNames are the words of the configuration for the levels.
var levelNames = map[slog.Level]string{slog.LevelDebug: "debug", slog.LevelInfo: "info", slog.LevelWarn: "warn", slog.LevelError: "error"}

func (o Options) setLogLevel(w http.ResponseWriter, r *http.Request) {
	parameters, ok := parametersOf(w, r, "level")
	if !ok {
		return
	}
	for level, name := range levelNames {
		if name == parameters.Get("level") {
			o.Proxy.SetLogLevel(level)
			o.log(r).Info("the administrator sets the level of the log", "level", name)
			reply(w, o.level())
			return
		}
	}
	fail(w, http.StatusBadRequest, "level %q: write debug, info, warn or error", parameters.Get("level"))
}
