package main

import (
	"log/slog"
	"slices"
	"sync"

	"github.com/letterlock/letterlock/configs"
	"github.com/letterlock/letterlock/internal/observe"
)

// warnings are the warnings that are in the log: each is logged once, and again
// only when it held no longer meanwhile. A reload repeats none.
type warnings struct {
	log *slog.Logger

	mu   sync.Mutex
	told map[toldWarning]bool
}

// toldWarning tells warnings apart; a warning whose line in the file has moved
// is the same.
type toldWarning struct{ key, problem string }

// tell logs the warnings that were not told before, and forgets those that are
// not among all.
func (w *warnings) tell(all []configs.Warning) {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := map[toldWarning]bool{}
	for _, one := range all {
		key := toldWarning{one.Key, one.Problem}
		if !w.told[key] && !now[key] {
			w.log.Warn(one.Problem, attributes(one)...)
		}
		now[key] = true
	}
	w.told = now
}

// attributes are those of a warning's log line, as far as there are any.
func attributes(w configs.Warning) []any {
	var all []any
	for _, a := range []struct{ name, value string }{{"at", w.Place()}, {"key", w.Key}, {"remedy", w.Remedy}} {
		if value := observe.Whole(a.value); value != "" && !slices.Contains(all, any(value)) {
			all = append(all, a.name, value)
		}
	}
	return all
}

// warnings lists what the administrator should know of a generation.
func (g *generation) warnings() []configs.Warning {
	all := configs.Warnings(g.config)
	for _, served := range g.config.Served() {
		all = append(all, certificateWarnings(g.config, served, g.stores[served.Key()].Certificates())...)
	}
	return all
}
