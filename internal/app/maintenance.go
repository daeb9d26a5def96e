package app

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/letterlock/letterlock/internal/certs"
	"github.com/letterlock/letterlock/internal/nexthop"
	"github.com/letterlock/letterlock/internal/observe/page"
	"github.com/letterlock/letterlock/internal/upstream"
	"github.com/letterlock/letterlock/internal/watch"
	"github.com/letterlock/letterlock/tlspolicy/tickets"
)

// maintenance is what goes on beside the sessions: files are read again when they
// change, and what grows old is made anew. It has one goroutine, which runs
// from begin to end.
type maintenance struct {
	log    *slog.Logger
	files  watch.Files
	secret tickets.Secret // of this process, where the configuration has none
	ring   *tickets.Ring
	jobs   []func(now time.Time) // done every jobTime
	pairs  []*certs.Keeper       // of certificates in files
	before []*certs.Keeper       // those of the generation before

	outbound *page.Outbound  // what smarthosts have done
	finder   *nexthop.Finder // of all smarthosts; nil: none was made yet

	// reread is called when a watched file was read again; may be nil.
	reread  func()
	changed atomic.Bool // a file was read again since the last look

	// found is told which backends a changed file names anew; may be nil.
	found func([]*upstream.Pool)

	cancel context.CancelFunc // nil: it does not run
	ended  chan struct{}
}

const (
	lookTime = 2 * time.Second // a change counts when it has stood for one more look
	jobTime  = time.Minute
)

func newMaintenance(log *slog.Logger) *maintenance {
	m := &maintenance{log: log, secret: tickets.Random(), outbound: page.NewOutbound()}
	m.ring = tickets.NewRing(m.secret)
	m.jobs = append(m.jobs, m.advance)
	m.files.Report = func(s watch.Status) {
		m.changed.Store(true)
		if s.Err != nil {
			log.Error("a changed file cannot be used; what it held before stays in use", "files", s.Names(), "error", s.Err)
		}
	}
	return m
}

// follow takes over from the maintenance of the generation before what must outlive
// it: with another secret no session could be resumed.
func (m *maintenance) follow(before *maintenance) {
	m.secret, m.before, m.outbound = before.secret, before.pairs, before.outbound
	m.ring = tickets.NewRing(m.secret)
}

// begin begins the work, and end ends it.
func (m *maintenance) begin() {
	ctx, cancel := context.WithCancel(context.Background())
	m.cancel, m.ended = cancel, make(chan struct{})
	go func() {
		defer close(m.ended)
		m.run(ctx)
	}()
}

func (m *maintenance) end() {
	if m.cancel != nil {
		m.cancel()
		<-m.ended
	}
}

func (m *maintenance) run(ctx context.Context) {
	look, job := time.NewTicker(lookTime), time.NewTicker(jobTime)
	defer look.Stop()
	defer job.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-look.C:
			m.look()
		case now := <-job.C:
			for _, do := range m.jobs {
				do(now)
			}
		}
	}
}

// look reads files that have changed. What is to be warned of may be another
// thing then.
func (m *maintenance) look() {
	m.files.Look()
	if m.changed.Swap(false) && m.reread != nil {
		m.reread()
	}
}

func (m *maintenance) shownFiles() []page.File {
	var shown []page.File
	for _, s := range m.files.Status() {
		file := page.File{Name: s.Paths[0], Loaded: s.Loaded, Failures: s.Failures}
		if s.Err != nil {
			file.Problem = s.Err.Error()
		}
		shown = append(shown, file)
	}
	return shown
}
