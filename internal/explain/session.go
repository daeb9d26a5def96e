package explain

import (
	"crypto/tls"
	"fmt"
	"strings"
	"time"

	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/observe"
	"github.com/letterlock/letterlock/internal/observe/history"
	"github.com/letterlock/letterlock/tlspolicy"
)

// session is the part of a session that explains its events.
type session struct {
	id, where, policy string
	client            string // its address
	user              string
	tls               history.TLS
}

func sessionOf(o *observe.Open) session {
	return session{
		id: o.ID, where: o.Listener.String() + " from " + o.Client.String(), policy: o.Policy,
		client: o.Client.Addr().String(), user: o.User, tls: history.TLSOf(o.TLS),
	}
}

func endedOf(e history.Ending) session {
	return session{
		id: e.ID, where: e.Service + " on " + e.Listener + " from " + e.Client.Addr().String(), policy: e.Policy,
		client: e.Client.Addr().String(), user: e.User, tls: e.TLS,
	}
}

// open describes an open session.
func (f Facts) open(o Open) Finding {
	s := sessionOf(&o.Open)
	text := fmt.Sprintf("is connected since %s: %s, %s", o.Opened.UTC().Format(time.DateTime), s.where, s.tlsWords())
	if s.user != "" {
		text += fmt.Sprintf(", as %q", s.user)
	}
	text += ", " + o.Step.String()
	if o.Backend != "" {
		text += ", at the backend " + o.Backend
	}
	if o.Step == gate.Relaying {
		text += fmt.Sprintf(", silent for %s", f.Now.Sub(o.Moved).Round(time.Second))
	}
	return Finding{At: o.Opened, Session: s.id, Text: text}
}

// tlsWords describes the TLS session, and the policy that it was agreed under.
func (s session) tlsWords() string {
	if s.policy == "" {
		return tlsWords(s.tls)
	}
	return tlsWords(s.tls) + " under the policy " + s.policy
}

// ending describes the end of a session.
func ending(s session, e history.Ending) Finding {
	text := s.where + ", " + s.tlsWords()
	if s.user != "" {
		text += fmt.Sprintf(", as %q", s.user)
	}
	text += ": ended as " + e.Reason.String() + ", " + e.Reason.Sentence()
	if e.Error != "" {
		text += fmt.Sprintf(" (%q)", e.Error)
	}
	if e.Reason.Backend() || e.Reason == gate.ClientRefused {
		text += ", at the backend " + e.Backend
	}
	remedy := e.Reason.Remedy()
	if e.Reason == gate.HandshakeFailed {
		remedy = "" // that of the handshake
	}
	return Finding{At: e.Ended, Session: s.id, Text: text, Remedy: remedy}
}

// tlsWords describes a TLS session.
func tlsWords(t history.TLS) string {
	if t.Version == 0 {
		return "without TLS"
	}
	return fmt.Sprintf("%s with %s and %s", tlspolicy.Version(t.Version), tlspolicy.Suite(t.Suite), tlspolicy.KeyExchange(t.State()))
}

// offerWords describes what a client offers, as far as a policy can accept it.
func offerWords(o tlspolicy.Offer) string {
	versions, suites, groups := o.List()
	if len(versions)+len(suites) == 0 {
		return "nothing that any policy accepts"
	}
	return fmt.Sprintf("the versions %s, the suites %s, the groups %s", joined(versions), joined(suites), joined(groups))
}

func joined[T fmt.Stringer](values []T) string {
	names := make([]string, len(values))
	for i, v := range values {
		names[i] = v.String()
	}
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, " ")
}

func groupOf(g tlspolicy.Group) tls.CurveID { return tls.CurveID(g) }
