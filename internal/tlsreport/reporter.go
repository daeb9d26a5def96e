package tlsreport

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/letterlock/letterlock/internal/resolver"
)

// DNS looks records up.
type DNS interface {
	Ask(ctx context.Context, name string, kind dnsmessage.Type) (resolver.Answer, error)
}

// Output receives the sessions with domains that ask for reports in a TXT record.
type Output interface {
	Add(ctx context.Context, s Session, record string) error
}

// Outputs pass each session to all of them.
type Outputs []Output

// Add implements Output.
func (all Outputs) Add(ctx context.Context, s Session, record string) (err error) {
	for _, o := range all {
		err = errors.Join(err, o.Add(ctx, s, record))
	}
	return err
}

// Way is how the results of sessions get to an output.
type Way struct {
	DNS    DNS // with the records in which domains ask for reports
	Output Output
}

// Reporter passes sessions to an output, each in a goroutine of its own, so that no
// message waits for DNS or for the output. Close ends them.
type Reporter struct {
	log *slog.Logger

	ctx     context.Context
	cancel  context.CancelFunc
	running sync.WaitGroup
	turns   chan struct{}

	mu      sync.Mutex
	closed  bool
	known   map[string]entry // by domain
	dropped int              // sessions that were not passed on since the last warning
	warned  time.Time
}

// entry is the record of a domain; empty: it asks for no reports.
type entry struct {
	record string
	until  time.Time
}

const (
	maxTurns   = 64 // sessions that are passed on at the same time
	maxKnown   = 10_000
	knownTime  = time.Hour
	reportTime = 15 * time.Second // of a session
	closeTime  = 2 * time.Second  // of the last sessions, from Close on
	warnTime   = time.Hour        // between two warnings
)

// New returns a reporter.
func New(log *slog.Logger) *Reporter {
	r := &Reporter{log: log, turns: make(chan struct{}, maxTurns), known: map[string]entry{}}
	r.ctx, r.cancel = context.WithCancel(context.Background())
	return r
}

// Close waits a little for what is under way, ends the rest, and drops all further
// sessions.
func (r *Reporter) Close() {
	r.mu.Lock()
	r.closed = true
	r.mu.Unlock()
	late := time.AfterFunc(closeTime, r.cancel)
	r.running.Wait()
	late.Stop()
	r.cancel()
}

// Report passes a session on if its domain asks for reports. It does not wait.
func (r *Reporter) Report(s Session, way Way) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return
	}
	select {
	case r.turns <- struct{}{}:
	default:
		r.drop("too many at the same time")
		return
	}
	r.running.Go(func() {
		defer func() { <-r.turns }()
		ctx, cancel := context.WithTimeout(r.ctx, reportTime)
		defer cancel()
		if err := r.pass(ctx, s, way); err != nil {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.drop(err.Error())
		}
	})
}

// drop counts a session that was not passed on, and warns once an hour. The caller
// holds mu.
func (r *Reporter) drop(why string) {
	r.dropped++
	if now := time.Now(); now.Sub(r.warned) >= warnTime {
		r.log.Warn("results of TLS are missing from the reports to other domains", "sessions", r.dropped, "error", why)
		r.dropped, r.warned = 0, now
	}
}

func (r *Reporter) pass(ctx context.Context, s Session, way Way) error {
	record, err := r.record(ctx, way.DNS, s.Domain)
	if err != nil || record == "" {
		return err
	}
	return way.Output.Add(ctx, s, record)
}

// record returns the TXT record in which a domain asks for reports; see Lookup.
func (r *Reporter) record(ctx context.Context, dns DNS, domain string) (string, error) {
	r.mu.Lock()
	known, found := r.known[domain]
	r.mu.Unlock()
	if found && time.Now().Before(known.until) {
		return known.record, nil
	}
	record, err := Lookup(ctx, dns, domain)
	if err != nil {
		return "", err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.known) >= maxKnown {
		clear(r.known) // the next sessions add them again
	}
	r.known[domain] = entry{record, time.Now().Add(knownTime)}
	return record, nil
}
