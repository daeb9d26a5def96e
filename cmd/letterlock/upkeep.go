package main

import (
	"context"
	"log/slog"
	"os"
	"time"

	"github.com/letterlock/letterlock/internal/status"
	"github.com/letterlock/letterlock/internal/watch"
	"github.com/letterlock/letterlock/tlspolicy/tickets"
)

// upkeep is what goes on beside the sessions: files are read again when they
// change, and what grows old is made anew. It has one goroutine, which runs
// from keepUp until what that returns is called.
type upkeep struct {
	log     *slog.Logger
	files   watch.Files
	ring    *tickets.Ring
	chores  []func(now time.Time) // done every choreTime
	hangups <-chan os.Signal      // nil: nobody asks for files to be read again

	reloaded func(context.Context) // what is due behind a reload; may be nil
}

const (
	lookTime  = 2 * time.Second // a change counts when it has stood for one more look
	choreTime = time.Minute
)

func newUpkeep(log *slog.Logger) *upkeep {
	u := &upkeep{log: log, ring: tickets.NewRing(tickets.Random())}
	u.chores = append(u.chores, u.advance)
	u.files.Report = func(s watch.Status) {
		if s.Err != nil {
			log.Error("a changed file cannot be used; what it held before stays in use", "files", s.Names(), "error", s.Err)
		}
	}
	return u
}

// keepUp begins the work; the function that it returns ends it.
func (u *upkeep) keepUp() (end func()) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		u.run(ctx)
	}()
	return func() {
		cancel()
		<-ended
	}
}

func (u *upkeep) run(ctx context.Context) {
	look, chore := time.NewTicker(lookTime), time.NewTicker(choreTime)
	defer look.Stop()
	defer chore.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-look.C:
			u.files.Look()
		case now := <-chore.C:
			for _, do := range u.chores {
				do(now)
			}
		case <-u.hangups:
			u.reload()
			if u.reloaded != nil {
				u.reloaded(ctx)
			}
		}
	}
}

// reload reads all files at once, as SIGHUP asks for.
func (u *upkeep) reload() {
	u.files.Reload()
	failed := 0
	for _, s := range u.files.Status() {
		if s.Err != nil {
			failed++
			u.log.Error("cannot be used; what was loaded before stays in use", "files", s.Names(), "error", s.Err)
		}
	}
	u.log.Info("reloaded", "files", len(u.files.Status()), "failed", failed)
}

func (u *upkeep) shownFiles() []status.File {
	var shown []status.File
	for _, s := range u.files.Status() {
		file := status.File{Name: s.Paths[0], Loaded: s.Loaded, Failures: s.Failures}
		if s.Err != nil {
			file.Problem = s.Err.Error()
		}
		shown = append(shown, file)
	}
	return shown
}
