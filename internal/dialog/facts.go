package dialog

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/proxy"
	"github.com/letterlock/letterlock/tlspolicy"
)

// handovers are the values of the option handover.
var handovers = map[string]gate.Handover{
	"xclient": gate.XCLIENT, "xforward": gate.XFORWARD, "imap-id": gate.IMAPID, "proxy": gate.PROXYHeader, "tproxy": gate.NoHandover,
}

// setFacts replaces what the gate knows of its session by the facts of the dialog:
// those that differ from run to run, and those that the options give.
func (r *runner) setFacts(s *gate.Session) {
	options := r.script.options
	handover, known := handovers[options["handover"]]
	if !known && options["handover"] != "" {
		r.t.Errorf("there is no handover %s", options["handover"])
	}
	s.ID = "ID"
	s.Client, s.Local = netip.MustParseAddrPort("192.0.2.1:4321"), netip.MustParseAddrPort("192.0.2.25:25")
	s.Handover, s.ClientKnown = handover, options["handover"] == "proxy" || options["handover"] == "tproxy"
	s.Mail.Date = func() string { return "Sat, 21 Nov 2026 12:00:00 +0000" }
	accepted := s.Mail.Accepted
	s.Mail.Accepted = func() { r.taken++; accepted() }
	_, full := options["full"]
	r.watch = &watch{Observer: s.Observer, full: full}
	s.Observer = r.watch
}

// authAllowed returns which TLS sessions allow a login.
func (r *runner) authAllowed() func(*tls.ConnectionState) bool {
	if _, weak := r.script.options["weak"]; weak {
		return func(*tls.ConnectionState) bool { return false }
	}
	policy, err := tlspolicy.Named("strict")
	if err != nil {
		r.t.Fatal(err)
	}
	return policy.AuthAllowed
}

// limits returns the limits, with those that the options give.
func (r *runner) limits() proxy.Limits {
	l := proxy.Limits{
		Connections: 10, ConnectionsPerClient: 10, Handshakes: 1,
		Line: 8 << 10, Token: 32 << 10, Literal: 64 << 10, Errors: 5, Message: 1 << 20,
	}
	for option, limit := range map[string]*int{"errors": &l.Errors, "literal": &l.Literal, "token": &l.Token} {
		if text := r.script.options[option]; text != "" {
			var err error
			if *limit, err = strconv.Atoi(text); err != nil {
				r.t.Fatalf("option %s: %v", option, err)
			}
		}
	}
	return l
}

// watch records the events of an Observer, and refuses every login if full is set.
// Only the session's goroutine uses it until the session has ended.
type watch struct {
	gate.Observer
	full     bool
	logins   []string
	denied   []string
	refused  []string
	messages []string
}

var errFull = errors.New("too many failures")

func (w *watch) Login(user, mechanism string, a gate.Answer) {
	w.Observer.Login(user, mechanism, a)
	w.logins = append(w.logins, strings.Join(strings.Fields(strings.Join([]string{user, mechanism, a.String(), a.Code}, " ")), " "))
}

func (w *watch) Denied(user, mechanism string, why error) {
	w.Observer.Denied(user, mechanism, why)
	w.denied = append(w.denied, strings.Join(strings.Fields(user+" "+mechanism+" "+why.Error()), " "))
}

func (w *watch) Rejected(r gate.Rejection) {
	w.Observer.Rejected(r)
	by := "backend"
	if r.Ours {
		by = "us"
	}
	w.refused = append(w.refused, fmt.Sprintf("%s <%s> <%s> by %s %s", r.Command, r.From, r.To, by, r.Reply))
}

func (w *watch) Message(m gate.Message) {
	w.Observer.Message(m)
	reply := m.Reply
	if m.Err != nil {
		reply = m.Err.Error()
	}
	w.messages = append(w.messages, fmt.Sprintf("%s <%s> %d %d %s", m.Outcome(), m.From, m.Recipients, m.Size, reply))
}

func (w *watch) Admit(user string) error {
	if w.full {
		return errFull
	}
	return w.Observer.Admit(user)
}
