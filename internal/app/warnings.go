package app

import (
	"log/slog"
	"slices"
	"sync"

	"github.com/letterlock/letterlock/configs"
	"github.com/letterlock/letterlock/internal/observe/loghandler"
)

// warnings are the warnings that are in the log: each is logged once, and again
// only when it held no longer meanwhile. A reload repeats none.
type warnings struct {
	log *slog.Logger

	mu     sync.Mutex
	logged map[loggedWarning]bool
}

// loggedWarning tells warnings apart; a warning whose line in the file has moved
// is the same.
type loggedWarning struct{ key, problem string }

// report logs the warnings that are new, and forgets those that are
// not among all.
func (w *warnings) report(all []configs.Warning) {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := map[loggedWarning]bool{}
	for _, one := range all {
		key := loggedWarning{one.Key, one.Problem}
		if !w.logged[key] && !now[key] {
			w.log.Warn(one.Problem, attributes(one)...)
		}
		now[key] = true
	}
	w.logged = now
}

// attributes are those of a warning's log line, as far as there are any.
func attributes(w configs.Warning) []any {
	var all []any
	for _, a := range []struct{ name, value string }{{"at", w.Place()}, {"key", w.Key}, {"remedy", w.Remedy}} {
		if value := loghandler.Whole(a.value); value != "" && !slices.Contains(all, any(value)) {
			all = append(all, a.name, value)
		}
	}
	return all
}

// warnings lists what the administrator should know of a generation.
func (g *generation) warnings() []configs.Warning {
	all := configs.Warnings(g.config)
	for _, served := range g.config.Served() {
		all = append(all, CertificateWarnings(g.config, served, g.stores[served.Key()].Certificates())...)
	}
	return all
}
