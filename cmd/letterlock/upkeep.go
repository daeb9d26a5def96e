package main

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/letterlock/letterlock/internal/certs"
	"github.com/letterlock/letterlock/internal/nexthop"
	"github.com/letterlock/letterlock/internal/status"
	"github.com/letterlock/letterlock/internal/watch"
	"github.com/letterlock/letterlock/proxy"
	"github.com/letterlock/letterlock/tlspolicy/tickets"
)

// upkeep is what goes on beside the sessions: files are read again when they
// change, and what grows old is made anew. It has one goroutine, which runs
// from begin to end.
type upkeep struct {
	log    *slog.Logger
	files  watch.Files
	secret tickets.Secret // of this process, where the configuration has none
	ring   *tickets.Ring
	chores []func(now time.Time) // done every choreTime
	pairs  []*certs.Keeper       // of certificates in files
	before []*certs.Keeper       // those of the generation before

	outbound *status.Outbound // what smarthosts have done
	finder   *nexthop.Finder  // of all smarthosts; nil: none was made yet

	// reread is called when a watched file was read again; may be nil.
	reread  func()
	changed atomic.Bool // a file was read again since the last look

	// found is told which backends a changed file names anew; may be nil.
	found func([]*proxy.Pool)

	cancel context.CancelFunc // nil: it does not run
	ended  chan struct{}
}

const (
	lookTime  = 2 * time.Second // a change counts when it has stood for one more look
	choreTime = time.Minute
)

func newUpkeep(log *slog.Logger) *upkeep {
	u := &upkeep{log: log, secret: tickets.Random(), outbound: status.NewOutbound()}
	u.ring = tickets.NewRing(u.secret)
	u.chores = append(u.chores, u.advance)
	u.files.Report = func(s watch.Status) {
		u.changed.Store(true)
		if s.Err != nil {
			log.Error("a changed file cannot be used; what it held before stays in use", "files", s.Names(), "error", s.Err)
		}
	}
	return u
}

// follow takes over from the upkeep of the generation before what must outlive
// it: with another secret no session could be resumed.
func (u *upkeep) follow(before *upkeep) {
	u.secret, u.before, u.outbound = before.secret, before.pairs, before.outbound
	u.ring = tickets.NewRing(u.secret)
}

// begin begins the work, and end ends it.
func (u *upkeep) begin() {
	ctx, cancel := context.WithCancel(context.Background())
	u.cancel, u.ended = cancel, make(chan struct{})
	go func() {
		defer close(u.ended)
		u.run(ctx)
	}()
}

func (u *upkeep) end() {
	if u.cancel != nil {
		u.cancel()
		<-u.ended
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
			u.look()
		case now := <-chore.C:
			for _, do := range u.chores {
				do(now)
			}
		}
	}
}

// look reads files that have changed. What is to be warned of may be another
// thing then.
func (u *upkeep) look() {
	u.files.Look()
	if u.changed.Swap(false) && u.reread != nil {
		u.reread()
	}
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
