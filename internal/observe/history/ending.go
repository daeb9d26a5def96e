package history

import (
	"crypto/tls"
	"net/netip"
	"strings"
	"time"

	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/limit"
	"github.com/letterlock/letterlock/internal/observe"
	"github.com/letterlock/letterlock/tlspolicy"
)

// Ending is a session that has ended. It shares no memory with the session.
type Ending struct {
	ID, Service, Listener string // Listener is the address
	Policy, Exception     string
	Client                netip.AddrPort
	User                  string // may hold any characters
	Backend               string
	TLS                   TLS
	Offered               tlspolicy.Offer
	Opened, Ended         time.Time
	Reason                gate.Reason
	Error                 string
	Received, Sent        int64
	Settled               bool // the backend has accepted a login or a message
	Refusals              []Refusal

	client netip.Addr // an IPv4 address or an IPv6 /64
}

// TLS holds the parameters of a TLS session; all are zero in plaintext.
type TLS struct {
	Version, Suite uint16
	Group          tls.CurveID
}

// TLSOf returns the parameters of a TLS session; nil is plaintext.
func TLSOf(state *tls.ConnectionState) TLS {
	if state == nil {
		return TLS{}
	}
	return TLS{state.Version, state.CipherSuite, state.CurveID}
}

// State returns the parameters as crypto/tls has them; nil in plaintext.
func (t TLS) State() *tls.ConnectionState {
	if t.Version == 0 {
		return nil
	}
	return &tls.ConnectionState{Version: t.Version, CipherSuite: t.Suite, CurveID: t.Group}
}

// Kind is the kind of a refusal.
type Kind string

// The kinds.
const (
	Handshake Kind = "handshake"
	BeforeTLS Kind = "before-tls" // a command that needs TLS
	Login     Kind = "login"      // by the backend
	Denied    Kind = "denied"     // a login, by the proxy
	Address   Kind = "address"    // a sender or a recipient
	Message   Kind = "message"
)

// Refusal is one event in a session that the client did not want.
type Refusal struct {
	Kind Kind
	At   time.Time

	// Class is the class of a failed handshake, the outcome of a login or of a
	// message, or the command that was refused before TLS.
	Class string

	User, Mechanism string // of a login; may hold any characters
	Text            string // the error, or the other side's reply

	Offered    tlspolicy.Offer // of a failed handshake
	ServerName string
}

// maxText bounds a text from outside, in bytes.
const maxText = 256

// cut returns at most maxText bytes of a text.
func cut(text string) string {
	if len(text) > maxText {
		return strings.ToValidUTF8(text[:maxText], "") + "…"
	}
	return text
}

// short is cut for a text that may be a part of a larger one, which would stay in
// memory.
func short(text string) string { return strings.Clone(cut(text)) }

func textOf(err error) string {
	if err == nil {
		return ""
	}
	return short(err.Error())
}

func endingOf(s *observe.Session, end observe.Summary, now time.Time) Ending {
	return Ending{
		ID: s.ID, Service: s.Listener.Service, Listener: s.Listener.Address, Policy: s.Policy, Exception: s.Exception,
		Client: s.Client, client: limit.Client(s.Client.Addr()), User: cut(s.User), Backend: s.Backend, TLS: TLSOf(s.TLS), Offered: s.Offered,
		Opened: s.Opened, Ended: now, Reason: end.Reason, Error: textOf(end.Err), Received: end.Received, Sent: end.Sent,
		Settled: s.Settled,
	}
}
