package app

import (
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/letterlock/letterlock/configs"
	"github.com/letterlock/letterlock/internal/observe/loghandler"
	"github.com/letterlock/letterlock/internal/observe/page"
)

// Source provides configurations.
type Source struct {
	File string                          // empty: flags and variables
	Load func() (*configs.Config, error) // nil: Reload fails
}

// Reload replaces the configuration by the current one of the source. First
// that is read and checked, its files are loaded, its sockets opened and its
// backends probed. After any error the current configuration stays in force,
// and only its own files are read again.
func (p *Proxy) Reload() {
	err := p.renew()
	if err != nil && p.stop.Err() != nil {
		return // the program stops, which has caused the error
	}
	p.source.note(err)
	g := p.now.Load()
	if err != nil {
		logErrors(p.log, err)
		p.log.Error("the configuration is refused, and the one before stays in force", "file", p.source.File)
		g.maintenance.files.Reload()
		return
	}
	p.log.Info("reloaded", "listeners", len(g.Listeners), "files", len(g.maintenance.files.Status()))
}

var errNoSource = errors.New("there is no file to read again")

func (p *Proxy) renew() error {
	if p.source.Load == nil {
		return errNoSource
	}
	c, err := p.source.Load()
	if err != nil {
		return err
	}
	before := p.now.Load()
	next, err := newGeneration(c, before, p.options)
	if err != nil {
		return err
	}
	if err := p.replace(before, next); err != nil {
		next.abandon(before)
		return bindError(c, err)
	}
	return nil
}

func (p *Proxy) replace(before, next *generation) (err error) {
	if err := next.probeFirst(p.stop, p.log); err != nil {
		return err
	}
	if err := p.stop.Err(); err != nil {
		return err
	}
	page, err := p.nextPage(before.config.Status, next.config.Status, next.config)
	if err != nil {
		return err
	}
	if err := p.server.Reload(next.Generation); err != nil {
		if page != p.page {
			closePage(page)
		}
		return err
	}
	if page != p.page {
		closePage(p.page)
		p.page = page
		if page != nil {
			page.Serve()
		}
	}
	if p.page != nil {
		p.page.SetLimits(webLimits(next.config.Limits))
	}
	p.now.Store(next)
	p.openAdmin(next.config)
	changeLog(p.log, next.config.Log)
	p.start(next, before)
	return nil
}

// logErrors logs each error of a configuration with its position.
func logErrors(log *slog.Logger, err error) {
	all, ok := errors.AsType[configs.Errors](err)
	if !ok {
		log.Error("configuration", "error", loghandler.Whole(err.Error()))
		return
	}
	for _, e := range all {
		log.Error("configuration: "+e.Problem, "at", e.Place(), "remedy", loghandler.Whole(e.Remedy))
	}
}

// configSource is the source and the result of its last read, for the status
// page.
type configSource struct {
	Source

	mu    sync.Mutex
	state page.File
}

func (s *configSource) init(from Source) {
	s.Source = from
	s.state.Name, s.state.Loaded = from.File, time.Now()
}

// note stores the result of a reload; nil: success.
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
		s.state.Problem = all.Short()
	}
}

// problem returns the error of the last reload; empty if it succeeded.
func (s *configSource) problem() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state.Problem
}

// shown lists the configuration's file for the status page; none if there is no
// file and no error.
func (s *configSource) shown() []page.File {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state.Name == "" && s.state.Problem == "" {
		return nil
	}
	return []page.File{s.state}
}
