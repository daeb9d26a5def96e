package proxy

import (
	"errors"
	"time"

	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/limit"
	"github.com/letterlock/letterlock/internal/wire"
)

// steps holds a session's step, and the times from which the deadlines of steps
// count. gate.Rules has the rules.
type steps struct {
	now      gate.Step
	loggedIn bool
	entered  time.Time // when the step began
	accepted time.Time // when the session was accepted, or the backend decided on its last message
	mail     time.Time // when the current message began
}

// moveTo moves to a step. It reports whether the backend has just decided on a
// message.
func (s *steps) moveTo(step gate.Step, now time.Time) (decided bool) {
	last := s.now
	if last == gate.Searching || last == gate.SearchingAgain { // the search has its own time
		s.accepted = s.accepted.Add(now.Sub(s.entered))
	}
	s.now, s.entered = step, now
	decided = last == gate.Verdict && step != gate.Verdict
	if decided {
		s.accepted = now
	}
	switch {
	case step == gate.LoggedIn:
		s.loggedIn = true
	case step == gate.Envelope && !last.Rule().InFlight:
		s.mail = now
	}
	return decided
}

// deadline returns the time when the step must be over; zero: never.
func (s *steps) deadline(t Timeouts) time.Time {
	rule := s.now.Rule()
	total := t.of(rule.Total)
	switch {
	case total == 0, s.loggedIn && rule.Clock == gate.FromAccept:
		return time.Time{}
	case rule.Clock == gate.FromAccept:
		return s.accepted.Add(total)
	case rule.Clock == gate.FromMessage:
		return s.mail.Add(total)
	}
	return s.entered.Add(total)
}

// overdue reports whether the time for the login, or for the message, is over.
func (s *steps) overdue(t Timeouts, now time.Time) bool {
	until := s.deadline(t)
	return s.now.Rule().Clock != gate.FromStep && !until.IsZero() && !now.Before(until)
}

// class returns the session's class for its slot.
func (s *steps) class() limit.Class {
	if s.loggedIn {
		return limit.Authenticated
	}
	if s.now.Rule().Class == gate.Working {
		return limit.Working
	}
	return limit.Unauthenticated
}

// of returns the configured time of a bound.
func (t Timeouts) of(b gate.Bound) time.Duration {
	switch b {
	case gate.ProxyHeader:
		return t.ProxyHeader
	case gate.Command:
		return t.Command
	case gate.DataSilence:
		return t.Data
	case gate.Dial:
		return t.Dial
	case gate.Reply:
		return t.Greeting
	case gate.DialAndReply:
		return t.Dial + t.Greeting
	case gate.EndOfData:
		return t.EndOfData
	case gate.LoginDelay:
		return t.LoginDelay
	case gate.LoginTime:
		return t.Login
	case gate.LoginAndReply:
		return t.Login + t.Greeting
	case gate.WholeMessage:
		return t.Message
	case gate.Idle:
		return t.Idle
	case gate.SearchTime:
		return searchTime
	case gate.SecondSearch:
		return secondSearch
	case gate.LastWordsTime:
		return lastWordsTime
	}
	return 0
}

var errEvicted = errors.New("the session was evicted for another")

// EnterStep implements gate.Observer: it sets the session's class for its slot, and the
// deadlines of the client's and the backend's connections.
func (ses *session) EnterStep(step gate.Step) error {
	now := time.Now()
	ses.mu.Lock()
	talk := ses.talk
	decided := talk.steps.moveTo(step, now)
	until, rule, class := talk.steps.deadline(ses.rules().Timeouts), step.Rule(), talk.steps.class()
	front, back, stopped := ses.front, ses.back, talk.stopped
	if talk.clientEnded && !rule.Verdict && talk.ending == nil {
		ses.endSoon(halfClosed)
	}
	ses.mu.Unlock()
	if stopped != nil {
		return stopped
	}
	if decided {
		ses.slot.Renew(now)
	}
	if !ses.slot.SetClass(class, !rule.Evictable, now) {
		return gate.Because(gate.Busy, errEvicted)
	}
	front.Hold(rule.InFlight)
	for _, side := range []*wire.Conn{front, back} {
		if side != nil {
			side.Deadline(until)
		}
	}
	return nil
}

// overdue reports whether the client has used up the time for its login or message.
func (ses *session) overdue() bool {
	ses.mu.Lock()
	defer ses.mu.Unlock()
	return ses.talk != nil && ses.talk.steps.overdue(ses.rules().Timeouts, time.Now())
}
