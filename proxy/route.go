package proxy

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/observe"
	"github.com/letterlock/letterlock/internal/upstream"
)

// Routes find the backends of a listener's users. They may change at any time.
type Routes interface {
	// Find returns the route of a login. It fails with gate.ErrNowhere if the user
	// has no backend, and with a gate.Refusal if the login is refused. It may wait
	// until the context ends.
	Find(ctx context.Context, l Login) (Route, error)

	// Pools returns all pools that Find may return, as far as they are known.
	Pools() []*upstream.Pool
}

// Login is a login whose route is searched. It may hold the client's secret: it must
// not be kept.
type Login struct {
	gate.Claim // without master users: see splitMaster
	Session    *observe.Session
	HostName   string // the client's confirmed name; empty: unknown
	Attempt    int    // counts the logins of the session, from 1
}

// Route is the way of a login.
type Route struct {
	Pool             *upstream.Pool
	gate.Credentials // for the backend
}

// Pools returns all pools that sessions of the listener may use. The first is the
// one where they open.
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

// maxSubstitutes is the maximum number of pools that are tried instead of the
// listener's own, if that is down.
const maxSubstitutes = 2

// openFirst opens the session at the listener's backend, which serves it until
// its user is known. If that backend is down and there are routes, it opens the
// session at another pool: users of other backends can still log in.
func (ses *session) openFirst() error {
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
		err = ses.openSubstitute(now.Add(2*patience), err)
	}
	if err != nil {
		return err
	}
	ses.talk.home = ses.pool
	return ses.EnterStep(gate.Authenticating)
}

// openSubstitute opens the session at a pool of the routes. If there is none, it
// returns the reason for which the listener's own backend has failed.
func (ses *session) openSubstitute(deadline time.Time, reason error) error {
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

// substitutes returns pools of the routes that are not known to be down.
func (l *Listener) substitutes() []*upstream.Pool {
	up := slices.DeleteFunc(l.Pools()[1:], (*upstream.Pool).IsDown)
	return up[:min(len(up), maxSubstitutes)]
}

// router returns the function with which the gate changes to the backend of a login;
// nil: the listener has no routes.
func (ses *session) router() func(gate.Claim) (gate.Credentials, error) {
	if ses.listener.Routes == nil {
		return nil
	}
	return ses.route
}

// route moves the session to the backend of a login, with the gate's Open. A user
// without a route stays where the session opened first.
func (ses *session) route(claim gate.Claim) (gate.Credentials, error) {
	found, err := ses.find(claim)
	nowhere := errors.Is(err, gate.ErrNowhere)
	if nowhere {
		found, err = Route{Pool: ses.talk.home}, nil
	}
	if err == nil && found.Pool != ses.pool {
		err = ses.move(found.Pool)
	}
	switch {
	case err != nil:
		ses.talk.attempt = nil // no backend has received it
		return gate.Credentials{}, err
	case nowhere:
		return gate.Credentials{}, gate.ErrNowhere
	}
	return found.Credentials, nil
}

// find searches the route of a login. The reason for which the session was stopped
// comes before an error that may follow from that.
func (ses *session) find(claim gate.Claim) (Route, error) {
	ses.talk.logins++
	l := Login{Claim: claim, Session: &ses.info, HostName: ses.name.Confirmed(), Attempt: ses.talk.logins}
	l.Mailbox, _ = ses.listener.splitMaster(claim.Mailbox)
	_, l.User = ses.listener.splitMaster(claim.User)
	found, err := ses.listener.Routes.Find(ses.talk.ctx, l)
	if err == nil {
		return found, nil
	}
	if stopped := ses.whyStopped(); stopped != nil {
		return Route{}, stopped
	}
	if refusal, ok := errors.AsType[*gate.Refusal](err); ok {
		err = ses.lookupRefused(l.User, refusal)
	}
	return Route{}, err
}

// lookupRefused counts a refusal because of the password like that of a backend, and
// delays a refusal.
func (ses *session) lookupRefused(owner string, r *gate.Refusal) error {
	if r.Outcome == gate.WrongPassword {
		ses.origin.server.loginAnswered(ses.info.Client.Addr(), owner, gate.WrongPassword)
	}
	if wait := min(r.Wait, ses.rules().Timeouts.LoginDelay); wait > 0 {
		if err := ses.delay(wait); err != nil {
			return err
		}
		if err := ses.whyStopped(); err != nil {
			return err
		}
	}
	return r
}

var errDescriptors = errors.New("too few file descriptors to change the backend")

// move opens the session at another backend.
func (ses *session) move(to *upstream.Pool) error {
	if err := ses.EnterStep(gate.Opening); err != nil {
		return err
	}
	if !ses.origin.server.third.Acquire() {
		return gate.Because(gate.Busy, errDescriptors)
	}
	defer ses.origin.server.third.Release()
	if err := ses.reach(to, time.Now().Add(ses.rules().Timeouts.Dial)); err != nil {
		return err
	}
	return ses.EnterStep(gate.Authenticating)
}

// splitMaster splits the name of a login into the user whose mailbox is opened and
// the owner of the password. They differ if a master user logs in as another user.
// The first separator counts, as in Dovecot.
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
