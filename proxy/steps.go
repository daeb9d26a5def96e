package proxy

import (
	"errors"
	"time"

	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/limit"
	"github.com/letterlock/letterlock/internal/wire"
)

// steps says where a session stands: its step, and the clocks that the step's
// deadlines are counted from. The rules are those of gate.Rules.
type steps struct {
	now      gate.Step
	loggedIn bool
	entered  time.Time // the step
	accepted time.Time // or when the backend has decided on the last message
	mail     time.Time // when the message began that is under way
}

// enter moves to a step. It reports whether the backend has just decided on a
// message.
func (s *steps) enter(step gate.Step, now time.Time) (decided bool) {
	last := s.now
	if last == gate.Searching { // which has a time of its own
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

// deadline is when the step must be over; zero: never.
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

// overdue reports whether the client has not come as far as it must in the time
// that it has in all.
func (s *steps) overdue(t Timeouts, now time.Time) bool {
	until := s.deadline(t)
	return s.now.Rule().Clock != gate.FromStep && !until.IsZero() && !now.Before(until)
}

// class is the session's, for the slots.
func (s *steps) class() limit.Class {
	if s.loggedIn {
		return limit.Authenticated
	}
	if s.now.Rule().Class == gate.Working {
		return limit.Working
	}
	return limit.Unauthenticated
}

// of is the time that a bound stands for.
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
	case gate.LastWordsTime:
		return lastWordsTime
	}
	return 0
}

var errMakesRoom = errors.New("the session had to make room for another")

// Enter moves the session to a step: its class, and the deadlines on both sides.
// It makes the session its gate's Enterer.
func (ses *session) EnterStep(step gate.Step) error {
	now := time.Now()
	ses.mu.Lock()
	talk := ses.talk
	decided := talk.steps.enter(step, now)
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
	if !ses.slot.Enter(class, !rule.MakesRoom, now) {
		return gate.Because(gate.Busy, errMakesRoom)
	}
	front.Hold(rule.InFlight)
	for _, side := range []*wire.Conn{front, back} {
		if side != nil {
			side.Deadline(until)
		}
	}
	return nil
}

// overdue reports whether the session's time is over that does not depend on the
// backend alone.
func (ses *session) overdue() bool {
	ses.mu.Lock()
	defer ses.mu.Unlock()
	return ses.talk != nil && ses.talk.steps.overdue(ses.rules().Timeouts, time.Now())
}
