package admin

import (
	"cmp"
	"slices"
	"time"

	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/observe"
	"github.com/letterlock/letterlock/tlspolicy"
)

// Version is the version of the API, the first part of each path.
const Version = "v1"

// Sessions is the reply to a request for sessions.
type Sessions struct {
	Sessions []Session `json:"sessions"`
}

// Session describes an open session.
type Session struct {
	ID        string    `json:"id"`
	Service   string    `json:"service"`
	Listener  string    `json:"listener"` // its address
	Client    string    `json:"client"`
	Via       string    `json:"via,omitempty"`  // the load balancer
	Host      string    `json:"host,omitempty"` // the client's confirmed name
	User      string    `json:"user,omitempty"`
	Policy    string    `json:"policy,omitempty"`
	Exception string    `json:"exception,omitempty"`
	TLS       string    `json:"tls"` // none, TLSv1 … TLSv1.3
	Suite     string    `json:"suite,omitempty"`
	Group     string    `json:"group,omitempty"`
	Opened    time.Time `json:"opened"`
	Step      string    `json:"step"`
	Moved     time.Time `json:"moved,omitzero"` // the last byte, while relayed
	Backend   string    `json:"backend,omitempty"`
	Received  int64     `json:"received_bytes"` // from the client, inside TLS
	Sent      int64     `json:"sent_bytes"`
}

// NoTLS is the version of a session without TLS.
const NoTLS = "none"

// sessionOf describes an open session.
func sessionOf(o *observe.Open) Session {
	s := Session{
		ID: o.ID, Service: o.Listener.Service, Listener: o.Listener.Address, Client: o.Client.String(), Host: o.HostName,
		User: o.User, Policy: o.Policy, Exception: o.Exception, TLS: NoTLS, Opened: o.Opened.UTC(), Step: o.Step.String(),
		Backend: o.Backend, Received: o.Received, Sent: o.Sent,
	}
	if o.Via.IsValid() {
		s.Via = o.Via.String()
	}
	if o.TLS != nil {
		s.TLS, s.Suite = tlspolicy.Version(o.TLS.Version).String(), tlspolicy.Suite(o.TLS.CipherSuite).String()
		s.Group = tlspolicy.KeyExchange(o.TLS)
	}
	if o.Step == gate.Relaying {
		s.Moved = o.Moved.UTC()
	}
	return s
}

// Kicked is the reply to a request to end sessions.
type Kicked struct {
	Sessions int `json:"sessions"` // that were asked to end
}

// Backends is the reply to a request for backends.
type Backends struct {
	Backends []Backend `json:"backends"`
}

// Backend is one address of a backend.
type Backend struct {
	Address  string    `json:"address"`
	Name     string    `json:"name"`     // of the backend in the configuration
	Services []string  `json:"services"` // whose listeners use it
	State    string    `json:"state"`    // up, down or drained
	Sessions int       `json:"sessions"`
	Since    time.Time `json:"since,omitzero"` // of the last change between up and down
	Error    string    `json:"error,omitempty"`
}

// The states of a backend. A drained one gets no new sessions.
const (
	Up      = "up"
	Down    = "down"
	Drained = "drained"
)

// Failures is the reply to a request for failed logins.
type Failures struct {
	Failures []Failure `json:"failures"`
}

// Failure is the count of failed logins of a client, of a user, or of both together.
// Further logins are delayed or refused.
type Failure struct {
	Client   string    `json:"client,omitempty"` // an IPv4 address or an IPv6 /64
	User     string    `json:"user,omitempty"`
	Failures int       `json:"failures"`
	Limit    int       `json:"limit"`                   // failures until logins are refused
	State    string    `json:"state"`                   // counted, delayed or refused
	Delay    float64   `json:"delay_seconds,omitempty"` // of the next login
	Until    time.Time `json:"until,omitzero"`          // when logins are no longer refused
	Why      string    `json:"why,omitempty"`
}

// The states of a Failure: logins are only counted, delayed, or refused.
const (
	Counted = "counted"
	Delayed = "delayed"
	Refused = "refused"
)

// Forgotten is the reply to a request to forget failed logins.
type Forgotten struct {
	Forgotten int `json:"forgotten"`
}

// Recording is the reply to a request about the recording of sessions. It describes the
// last one.
type Recording struct {
	Running bool      `json:"running"`
	User    string    `json:"user,omitempty"`
	Client  string    `json:"client,omitempty"`
	ID      string    `json:"id,omitempty"`
	Left    int       `json:"left"` // sessions
	Until   time.Time `json:"until,omitzero"`
	Texts   bool      `json:"texts,omitempty"`
	Folder  string    `json:"folder,omitempty"`
	Files   []string  `json:"files"`
	Error   string    `json:"error,omitempty"` // why it ended early
}

// LogLevel is the reply to a request for the level of the log.
type LogLevel struct {
	Level string `json:"level"`
}

// Error is the reply to a request that fails.
type Error struct {
	Error string `json:"error"`
}

// sort puts the newest session first.
func (s Sessions) sort() {
	slices.SortFunc(s.Sessions, func(a, b Session) int { return cmp.Or(b.Opened.Compare(a.Opened), cmp.Compare(a.ID, b.ID)) })
}
