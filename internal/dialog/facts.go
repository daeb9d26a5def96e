package dialog

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/tlspolicy"
)

// handovers are the values of the option handover.
var handovers = map[string]gate.Handover{
	"xclient": gate.XCLIENT, "xforward": gate.XFORWARD, "imap-id": gate.IMAPID, "proxy": gate.PROXYHeader, "tproxy": gate.NoHandover,
}

// facts returns the session's facts, as the options set them.
func (r *runner) facts() *gate.Session {
	options := r.script.options
	handover, known := handovers[options["handover"]]
	if !known && options["handover"] != "" {
		r.t.Fatalf("there is no handover %s", options["handover"])
	}
	s := &gate.Session{
		ID: "ID", Hostname: "mail.example.com", Banner: "ready",
		Client: netip.MustParseAddrPort("192.0.2.1:4321"), Local: netip.MustParseAddrPort("192.0.2.25:25"),
		Handover: handover, ClientKnown: options["handover"] == "proxy" || options["handover"] == "tproxy",
		Mechanisms: &gate.Mechanisms{Hidden: strings.Fields(options["hide"]), Unnamed: strings.Fields(options["unnamed"])},
		Limits:     gate.Limits{Token: 32 << 10, Literal: 64 << 10, Errors: 5},
		Mail:       gate.Mail{Date: func() string { return "Sat, 21 Nov 2026 12:00:00 +0000" }, Accepted: func() { r.taken++ }},
	}
	_, full := options["full"]
	r.watch = &watch{full: full}
	s.Observer = r.watch
	policy, err := tlspolicy.Named("strict")
	if err != nil {
		r.t.Fatal(err)
	}
	s.AuthAllowed = policy.AuthAllowed
	if _, weak := options["weak"]; weak {
		s.AuthAllowed = func(*tls.ConnectionState) bool { return false }
	}
	for option, limit := range map[string]*int{"errors": &s.Limits.Errors, "literal": &s.Limits.Literal, "token": &s.Limits.Token} {
		if text := options[option]; text != "" {
			if *limit, err = strconv.Atoi(text); err != nil {
				r.t.Fatalf("option %s: %v", option, err)
			}
		}
	}
	return s
}

// watch records the events of an Observer, and admits every login unless full
// is set. Only the gate's goroutine uses it until it has ended.
type watch struct {
	full     bool
	logins   []string
	denied   []string
	refused  []string
	messages []string
}

var errFull = errors.New("too many failures")

func (*watch) EnterStep(gate.Step) error { return nil }
func (*watch) Refused(string)            {}

func (w *watch) Login(user, mechanism string, a gate.Answer) {
	w.logins = append(w.logins, strings.Join(strings.Fields(strings.Join([]string{user, mechanism, a.String(), a.Code}, " ")), " "))
}

func (w *watch) Denied(user, mechanism string, why error) {
	w.denied = append(w.denied, strings.Join(strings.Fields(user+" "+mechanism+" "+why.Error()), " "))
}

func (w *watch) Rejected(r gate.Rejection) {
	by := "backend"
	if r.Ours {
		by = "us"
	}
	w.refused = append(w.refused, fmt.Sprintf("%s <%s> <%s> by %s %s", r.Command, r.From, r.To, by, r.Reply))
}

func (w *watch) Message(m gate.Message) {
	reply := m.Reply
	if m.Err != nil {
		reply = m.Err.Error()
	}
	w.messages = append(w.messages, fmt.Sprintf("%s <%s> %d %d %s", m.Outcome(), m.From, m.Recipients, m.Size, reply))
}

func (w *watch) Admit(string) error {
	if w.full {
		return errFull
	}
	return nil
}
