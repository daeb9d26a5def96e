// Package send sends the reports about TLS of a day to the domains that ask for them, by
// mail and by HTTPS (RFC 8460). It does not connect to mail servers itself.
package send

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/letterlock/letterlock/internal/tlsreport"
	"github.com/letterlock/letterlock/internal/tlsreport/days"
)

// Mailer sends a message. Its error is the refusal of the receiving server, or the
// reason for which none was reached.
type Mailer interface {
	Send(ctx context.Context, from, to string, message []byte) error
}

// Options are the parts of a Sender. All must be set.
type Options struct {
	Days *days.Store
	DNS  tlsreport.DNS
	Mail Mailer
	Web  func() *http.Client // for one request; it follows no redirects, and bounds its time

	Name         string // of this sender, by which its reports differ from those of others
	From         string // the sender's mail address, which reports name as the contact
	Organization string
	DKIM         DKIM

	Log   *slog.Logger
	Count func(outcome string) // sent, deferred, failed or unwanted
	Now   func() time.Time
}

// Sender sends the reports that are due. Close ends it.
type Sender struct {
	o Options

	ctx     context.Context
	cancel  context.CancelFunc
	running sync.WaitGroup
	slots   chan struct{} // one token for each report that is being sent

	warned time.Time // only Work uses it
}

const (
	maxSlots = 16              // reports that are sent at the same time
	sendTime = 5 * time.Minute // for a report, to all its addresses
	warnTime = time.Hour       // between two warnings about the file
)

// New returns a sender.
func New(o Options) *Sender {
	s := &Sender{o: o, slots: make(chan struct{}, maxSlots)}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	return s
}

// Work writes the results of the last minute to the file, and starts to send the reports
// that are due. It does not wait for them. One goroutine calls it.
func (s *Sender) Work() {
	err := s.o.Days.Flush()
	if free := maxSlots - len(s.slots); free > 0 && (err == nil || errors.Is(err, days.ErrFull)) {
		due, failed := s.o.Days.Due(free)
		err = errors.Join(err, failed)
		for _, d := range due {
			s.slots <- struct{}{}
			s.running.Go(func() {
				defer func() { <-s.slots }()
				s.deliver(d)
			})
		}
	}
	if now := s.o.Now(); err != nil && now.Sub(s.warned) >= warnTime {
		s.o.Log.Error("the results of TLS for reports cannot be kept", "error", err)
		s.warned = now
	}
}

// Close ends what is under way, and writes the last results to the file. It does nothing
// to a nil Sender.
func (s *Sender) Close() {
	if s == nil {
		return
	}
	s.cancel()
	s.running.Wait()
	if err := s.o.Days.Flush(); err != nil {
		s.o.Log.Error("the results of TLS for reports cannot be kept", "error", err)
	}
}

// deliver sends a report, and logs the result.
func (s *Sender) deliver(d days.Due) {
	ctx, cancel := context.WithTimeout(s.ctx, sendTime)
	defer cancel()
	accepted, err := s.send(ctx, d)
	log := s.o.Log.With("domain", d.Domain, "day", d.Day.Format(time.DateOnly), "attempt", d.Attempt)
	outcome := "deferred"
	switch {
	case s.ctx.Err() != nil:
		return // the next attempt comes after the restart
	case accepted:
		outcome = "sent"
		log.Info("report about TLS sent", "refused", err)
	case err == nil:
		outcome = "unwanted"
	case d.Last:
		outcome = "failed"
		log.Warn("report about TLS not sent", "error", err)
	default:
		log.Info("report about TLS not sent; it is tried again", "error", err)
	}
	s.o.Count(outcome)
	if outcome == "deferred" {
		return
	}
	if err := s.o.Days.Done(d); err != nil {
		log.Error("a report about TLS may be sent again", "error", err)
	}
}

// send sends a report to each address in the domain's record. The report has arrived if
// an address accepts it (RFC 8460 §3). Without an error and without an acceptance the
// domain wants no report.
func (s *Sender) send(ctx context.Context, d days.Due) (accepted bool, err error) {
	record, err := tlsreport.Lookup(ctx, s.o.DNS, d.Domain)
	if err != nil {
		return false, err
	}
	r, err := s.reportOf(d)
	if err != nil {
		return false, err
	}
	for _, a := range tlsreport.Addresses(record) {
		failed := s.sendTo(ctx, r, a)
		if failed == nil {
			accepted = true
			continue
		}
		err = errors.Join(err, fmt.Errorf("%s: %w", a, failed))
	}
	return accepted, err
}

func (s *Sender) sendTo(ctx context.Context, r report, a tlsreport.Address) error {
	if a.URL != "" {
		return s.post(ctx, r, a.URL)
	}
	message, err := s.message(r, a.Mail, s.o.Now())
	if err != nil {
		return err
	}
	return s.o.Mail.Send(ctx, s.o.From, a.Mail, message)
}
