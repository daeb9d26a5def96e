package proxy

import "github.com/letterlock/letterlock/internal/gate"

// router is how a session's gate finds the backend of a user; nil where there
// is but one for all.
func (ses *session) router() func(string) error {
	if ses.listener.Route == nil {
		return nil
	}
	return ses.route
}

// route brings the session to the backend of a user, by the gate's Open. One
// who has none stays where all begin.
func (ses *session) route(user string) error {
	home, known := ses.listener.Route(user)
	if !known {
		home = ses.listener.Backend
	}
	if home != ses.pool {
		if err := ses.reach(home); err != nil {
			ses.attempt.open = false // nobody has heard of it
			return err
		}
	}
	if !known {
		return gate.ErrNowhere
	}
	return nil
}
