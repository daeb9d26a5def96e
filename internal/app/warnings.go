package app

import (
	"log/slog"
	"slices"
	"sync"

	"github.com/letterlock/letterlock/configs"
	"github.com/letterlock/letterlock/internal/observe/loghandler"
)

// warnings logs each warning once. It logs a warning again only after a report
// without it, so that a reload repeats none.
type warnings struct {
	log *slog.Logger

	mu     sync.Mutex
	logged map[loggedWarning]bool
}

// loggedWarning identifies a warning, without the line in the file, which may
// change.
type loggedWarning struct{ key, problem string }

// report logs the warnings that were not in the last report.
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

// attributes are the position, the key and the remedy of a warning, without
// those that are empty or equal.
func attributes(w configs.Warning) []any {
	var all []any
	for _, a := range []struct{ name, value string }{{"at", w.Place()}, {"key", w.Key}, {"remedy", w.Remedy}} {
		if value := loghandler.Whole(a.value); value != "" && !slices.Contains(all, any(value)) {
			all = append(all, a.name, value)
		}
	}
	return all
}

// warnings lists the warnings about a generation and its certificates.
func (g *generation) warnings() []configs.Warning {
	all := configs.Warnings(g.config)
	for _, served := range g.config.Served() {
		all = append(all, CertificateWarnings(g.config, served, g.stores[served.Key()].Certificates())...)
	}
	return all
}
