package main

import (
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/letterlock/letterlock/configs"
	"github.com/letterlock/letterlock/internal/observe"
	"github.com/letterlock/letterlock/internal/status"
)

// reload puts the configuration as it is by now in the place of the present
// one: it is read and checked, its files are loaded, its sockets opened and its
// backends probed first. After any error the present one stays as it is, and
// only its own files are read again.
func (r *running) reload() {
	err := r.renew()
	if err != nil && r.first.Err() != nil {
		return // which is why, and nobody asks any more
	}
	r.source.note(err)
	g := r.now.Load()
	if err != nil {
		tellErrors(r.log, err)
		r.log.Error("the configuration is refused, and the one before stays in force", "file", r.source.file)
		g.upkeep.files.Reload()
		return
	}
	r.log.Info("reloaded", "listeners", len(g.Listeners), "files", len(g.upkeep.files.Status()))
}

var errNoSource = errors.New("there is no file to read again")

func (r *running) renew() error {
	if r.source.load == nil {
		return errNoSource
	}
	c, err := r.source.load()
	if err != nil {
		return err
	}
	before := r.now.Load()
	next, err := newGeneration(c, before, r.log)
	if err != nil {
		return err
	}
	if err := r.replace(before, next); err != nil {
		next.abandon(before)
		return bindError(c, err)
	}
	return nil
}

func (r *running) replace(before, next *generation) (err error) {
	if err := probeFirst(r.first, next.config, next.Listeners, r.log); err != nil {
		return err
	}
	if err := r.first.Err(); err != nil {
		return err // we are to end
	}
	page := r.page
	if next.config.Status.Listen != before.config.Status.Listen {
		if page, err = r.pageOf(next.config); err != nil {
			return err
		}
	}
	if err := r.server.Reload(next.Generation); err != nil {
		if page != r.page {
			closePage(page)
		}
		return err
	}
	if page != r.page {
		closePage(r.page)
		r.page = page
	}
	if r.page != nil {
		r.page.SetLimits(webLimits(next.config.Limits))
	}
	r.now.Store(next)
	changeLog(r.log, next.config.Log)
	r.begin(next, before)
	return nil
}

// tellErrors logs all that is wrong with a configuration, each with its place.
func tellErrors(log *slog.Logger, err error) {
	all, ok := errors.AsType[configs.Errors](err)
	if !ok {
		log.Error("configuration", "error", observe.Whole(err.Error()))
		return
	}
	for _, e := range all {
		log.Error("configuration: "+e.Problem, "at", e.Place(), "remedy", observe.Whole(e.Remedy))
	}
}

// configSource is where configurations come from, and what became of the last
// one. Its file is empty where they come from flags and variables.
type configSource struct {
	file string
	load func() (*configs.Config, error) // nil: there is none to read again

	mu    sync.Mutex
	state status.File
}

// note keeps what came of a reload; nil is well.
func (s *configSource) note(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state.Problem = ""
	if err == nil {
		s.state.Loaded = time.Now()
		return
	}
	s.state.Failures++
	s.state.Problem = err.Error()
	if all, ok := errors.AsType[configs.Errors](err); ok {
		s.state.Problem = fmt.Sprintf("%s: %s", all[0].Place(), all[0].Problem)
		if more := len(all) - 1; more > 0 {
			s.state.Problem += fmt.Sprintf(" (and %s more)", count(more, "error"))
		}
	}
}

// from says where the configuration that is in force has come from.
func (s *configSource) from(source *source) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.file, s.load = source.name(), source.load
	s.state.Name, s.state.Loaded = s.file, time.Now()
}

// shown is the file among those that the status page tells of.
func (s *configSource) shown() []status.File {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state.Name == "" && s.state.Problem == "" {
		return nil
	}
	return []status.File{s.state}
}
