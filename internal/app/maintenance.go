package app

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/letterlock/letterlock/internal/certs"
	"github.com/letterlock/letterlock/internal/devices"
	"github.com/letterlock/letterlock/internal/nexthop"
	"github.com/letterlock/letterlock/internal/observe"
	"github.com/letterlock/letterlock/internal/observe/page"
	"github.com/letterlock/letterlock/internal/relayauth"
	"github.com/letterlock/letterlock/internal/tlsreport"
	"github.com/letterlock/letterlock/internal/tlsreport/days"
	"github.com/letterlock/letterlock/internal/tlsreport/send"
	"github.com/letterlock/letterlock/internal/upstream"
	"github.com/letterlock/letterlock/internal/watch"
	"github.com/letterlock/letterlock/smtp/smarthost"
	"github.com/letterlock/letterlock/tlspolicy/tickets"
)

// maintenance reads files again when they change, and renews certificates and
// ticket keys. It has one goroutine, which runs from start to stop.
type maintenance struct {
	log    *slog.Logger
	files  watch.Files
	secret tickets.Secret // used if the configuration has no secret
	ring   *tickets.Ring
	chain  *ticketChain // of a cluster; nil: the secret is used

	chainFailed bool                  // the chain could not be used when it was last read
	jobs        []func(now time.Time) // called every jobTime
	pairs       []*certs.Keeper       // certificates in files
	before      []*certs.Keeper       // pairs of the previous generation

	lookups lookups // of all listeners

	outbound    *page.Outbound  // counts of the smarthosts
	finder      *nexthop.Finder // of all smarthosts; nil until one needs it
	lenient     *nexthop.Finder // the same without what domains publish about TLS; nil until one needs it
	accounts    map[string]*relayauth.Account
	devices     *devices.Table         // of all smarthosts; nil until one needs it
	reports     *tlsreport.Reporter    // of all generations
	reportWay   *tlsreport.Way         // of the results of TLS of all smarthosts; nil until one needs it
	days        *days.Store            // the results of TLS to report; nil: another program reports them
	sender      *send.Sender           // of reports; nil: another program sends them
	earlier     *devices.Table         // of the previous generation
	connections *smarthost.Connections // to servers, of all smarthosts; nil: none are kept
	deliveries  smarthost.Observer     // observes the deliveries of all smarthosts; may be nil

	// notice returns the notice to the user of a session; nil: nobody gets one.
	notice func(*observe.Session) string

	// reread is called after a watched file was read again; may be nil.
	reread  func()
	changed atomic.Bool // a file was read again since the last check

	// found is called with the pools that a changed file has added; may be nil.
	found func([]*upstream.Pool)

	cancel context.CancelFunc // nil: not running
	ended  chan struct{}
}

const (
	lookTime = 2 * time.Second // a changed file is read when the next check finds it unchanged
	jobTime  = time.Minute
)

func newMaintenance(log *slog.Logger) *maintenance {
	m := &maintenance{log: log, secret: tickets.Random(), outbound: page.NewOutbound(), reports: tlsreport.New(log), accounts: map[string]*relayauth.Account{}}
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

// follow takes over the parts that outlive a generation: the secret of session
// tickets, without which no session could be resumed, and the counts.
func (m *maintenance) follow(before *maintenance) {
	m.secret, m.before, m.outbound = before.secret, before.pairs, before.outbound
	m.earlier, m.days, m.reports = before.devices, before.days, before.reports
	m.lookups.follow(&before.lookups)
	m.ring = tickets.NewRing(m.secret)
}

// start starts the goroutine.
func (m *maintenance) start() {
	ctx, cancel := context.WithCancel(context.Background())
	m.cancel, m.ended = cancel, make(chan struct{})
	go func() {
		defer close(m.ended)
		m.run(ctx)
	}()
}

// stop stops the goroutine and waits for it. It ends the sending of reports, and closes
// the kept connections. Sessions can continue: their results of TLS are written by the
// next generation, or from now on at once if it does not have them; nil: there is none.
func (m *maintenance) stop(next *maintenance) {
	m.connections.Close()
	m.lookups.close()
	if m.cancel != nil {
		m.cancel()
		<-m.ended
	}
	m.sender.Close()
	if m.days != nil {
		m.days.WriteAtOnce(next == nil || next.sender == nil || next.days != m.days)
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

// look reads the files that have changed, and calls reread, because the
// warnings may have changed too. It adopts the ticket keys of a cluster.
func (m *maintenance) look() {
	m.files.Look()
	m.followChain(time.Now())
	if m.changed.Swap(false) && m.reread != nil {
		m.reread()
	}
}

// shownFiles describes the watched files for the status page.
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
