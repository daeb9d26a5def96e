package proxy

import (
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/upstream"
)

// Routes say where a listener's users are. They may change at any time.
type Routes interface {
	// Find returns the pool of a user; with known false there is none.
	Find(user string) (p *upstream.Pool, known bool)

	// Pools are all that Find may return.
	Pools() []*upstream.Pool
}

// Pools are all to which sessions of the listener may come; the one where they
// begin is the first.
func (l *Listener) Pools() []*upstream.Pool {
	all := []*upstream.Pool{l.Backend}
	if l.Routes == nil {
		return all
	}
	for _, p := range l.Routes.Pools() {
		if !slices.Contains(all, p) {
			all = append(all, p)
		}
	}
	return all
}

// maxSubstitutes is how many others are tried where the backend of a
// listener with routes is down.
const maxSubstitutes = 2

// begin reaches the backend that speaks for all until a user is known. That of
// the listener may be down without harm to those who are elsewhere.
func (ses *session) begin() error {
	l, now, patience := ses.listener, time.Now(), ses.rules().Timeouts.Dial
	ses.watchClient()
	ses.askName()
	if l.Outbound {
		return ses.EnterStep(gate.Authenticating)
	}
	if err := ses.EnterStep(gate.Opening); err != nil {
		return err
	}
	if l.Routes != nil {
		patience /= 2
	}
	err := ses.reach(l.Backend, now.Add(patience))
	if err != nil && l.Routes != nil && gate.ReasonOf(err) != gate.ClientRefused {
		err = ses.beginElsewhere(now.Add(2*patience), err)
	}
	if err != nil {
		return err
	}
	ses.talk.home = ses.pool
	return ses.EnterStep(gate.Authenticating)
}

// beginElsewhere is begin where the listener's own backend has failed for a
// reason.
func (ses *session) beginElsewhere(deadline time.Time, reason error) error {
	for _, p := range ses.listener.substitutes() {
		if !time.Now().Before(deadline) {
			break
		}
		if ses.reach(p, deadline) == nil {
			return nil
		}
	}
	return reason
}

// substitutes are pools where a session may begin as well.
func (l *Listener) substitutes() []*upstream.Pool {
	up := slices.DeleteFunc(l.Pools()[1:], (*upstream.Pool).IsDown)
	return up[:min(len(up), maxSubstitutes)]
}

// router is how a session's gate finds the backend of a user; nil where there
// is but one for all.
func (ses *session) router() func(string) error {
	if ses.listener.Routes == nil {
		return nil
	}
	return ses.route
}

// route brings the session to the backend of a user, by the gate's Open. One
// who has none goes where all begin.
func (ses *session) route(user string) error {
	user, _ = ses.listener.splitMaster(user)
	home, known := ses.listener.Routes.Find(user)
	if !known {
		home = ses.talk.home
	}
	if home != ses.pool {
		if err := ses.move(home); err != nil {
			ses.talk.attempt = nil // nobody has heard of it
			return err
		}
	}
	if !known {
		return gate.ErrNowhere
	}
	return nil
}

var errDescriptors = errors.New("too few file descriptors to change the backend")

// move opens the session at another backend.
func (ses *session) move(to *upstream.Pool) error {
	if err := ses.EnterStep(gate.Opening); err != nil {
		return err
	}
	if !ses.server.third.take() {
		return gate.Because(gate.Busy, errDescriptors)
	}
	defer ses.server.third.give()
	if err := ses.reach(to, time.Now().Add(ses.rules().Timeouts.Dial)); err != nil {
		return err
	}
	return ses.EnterStep(gate.Authenticating)
}

// splitMaster splits the name of a login into the user whose mailbox it opens and
// the user whose password it takes. They differ where a master user logs in as
// another one. The first separator counts, as in Dovecot.
func (l *Listener) splitMaster(name string) (user, owner string) {
	if l.MasterSeparator == "" {
		return name, name
	}
	user, master, found := strings.Cut(name, l.MasterSeparator)
	if !found || user == "" || master == "" {
		return name, name
	}
	return user, master
}
