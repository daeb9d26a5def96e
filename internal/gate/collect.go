package gate

import "errors"

// Collector holds the steps of a collected login that differ by protocol; see
// Session.Collect.
type Collector interface {
	// Ask sends a challenge, in base64, to the client and reads the response.
	// It is not ok if the response is malformed, or "*", which cancels.
	Ask(x *Exchange, challenge string) (response string, ok bool, err error)

	// Admit asks the session whether the user may try to log in. If not, it
	// refuses the login with the reply to a wrong password.
	Admit(user string) error

	// Reached is called when the session is connected to the user's backend.
	Reached() error

	// Offers returns the login methods of this backend.
	Offers() Offers

	// Fail refuses the login with the protocol's reply.
	Fail(why Fault) error

	// Refuse refuses the login with the reason of a lookup, in the protocol's reply.
	Refuse(r *Refusal) error

	// Send logs in at the backend by a mechanism, or by the protocol's own
	// command if the mechanism is empty, and forwards the backend's reply to
	// the client.
	Send(l *Login, mechanism string) error
}

// Introduced is a Collector of SMTP.
type Introduced interface {
	Collector

	// Hello returns the name in the client's EHLO or HELO.
	Hello() string
}

// Fault says why a collected login fails before the backend receives it.
type Fault int

// The faults.
const (
	Undecodable   Fault = iota // the initial response is malformed
	Cancelled                  // by the client, or by a malformed response
	Inexpressible              // the backend's mechanism or command cannot transmit the credentials
)

// Collect collects a SASL login: it reads all responses that the client can send
// without a challenge of the backend, and then logs in with them; see Login for the
// reasons.
func (s *Session) Collect(c Collector, mechanism string, initial []string) error {
	l := NewLogin(mechanism)
	for _, response := range initial {
		if !l.Sound(response) {
			return c.Fail(Undecodable)
		}
		l.AddResponse(response)
	}
	for challenge, more := l.Prompt(); more; challenge, more = l.Prompt() {
		response, ok, err := c.Ask(&l.Exchange, challenge)
		switch {
		case err != nil:
			return err
		case !ok:
			return c.Fail(Cancelled)
		}
		l.AddResponse(response)
	}
	return s.LogIn(c, l)
}

// Initial returns the initial responses of a login: one, or none if it is empty.
func Initial(response string) []string {
	if response == "" {
		return nil
	}
	return []string{response}
}

// LogIn logs in at the user's backend with a collected login.
func (s *Session) LogIn(c Collector, l *Login) error {
	if err := c.Admit(l.User()); err != nil {
		return err
	}
	if i, ok := c.(Introduced); ok {
		l.hello = i.Hello()
	}
	err := s.Reach(l)
	if refusal, ok := errors.AsType[*Refusal](err); ok {
		return s.refuse(c, l, refusal)
	}
	if err == nil {
		err = c.Reached()
	}
	mechanism := ""
	if err == nil {
		mechanism, err = s.Choose(l, c.Offers())
	}
	switch {
	case errors.Is(err, ErrCredentials):
		return c.Fail(Inexpressible)
	case err != nil:
		return err
	}
	return c.Send(l, mechanism)
}

// Respond returns the response to a challenge of the backend, both in base64: a
// collected one, or else the client's. "*" cancels the exchange.
func (l *Login) Respond(c Collector, challenge string) (response string, err error) {
	if err := l.Challenged(); err != nil {
		return "", err
	}
	if response, collected := l.Answer(challenge); collected {
		return response, nil
	}
	response, ok, err := c.Ask(&l.Exchange, challenge)
	switch {
	case err != nil:
		return "", err
	case !ok:
		return "*", nil
	}
	return l.Pass(response), nil
}
