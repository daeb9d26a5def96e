package observe

import (
	"io"
	"net/netip"
	"strings"
	"testing"

	"github.com/letterlock/letterlock/internal/gate"
)

// witness records the events that it receives.
type witness struct {
	name string
	book *strings.Builder
}

func (w witness) note(event string) { w.book.WriteString(w.name + ":" + event + " ") }

func (w witness) Opened(*Session)                                                { w.note("opened") }
func (w witness) TLSEstablished(*Session)                                        { w.note("tls") }
func (w witness) HandshakeFailed(*Session, Offer, error)                         { w.note("failed") }
func (w witness) LoginRefused(_ *Session, command string)                        { w.note(command) }
func (w witness) Login(_ *Session, user, _ string, _ gate.Answer)                { w.note(user) }
func (w witness) Closed(*Session, Summary)                                       { w.note("closed") }
func (w witness) Denied(_ *Session, user, _ string, _ error)                     { w.note(user) }
func (w witness) Rejected(_ *Session, r gate.Rejection)                          { w.note(r.To) }
func (w witness) Message(_ *Session, m gate.Message)                             { w.note(m.Outcome()) }
func (w witness) ConnectionRejected(_ *Listener, _ netip.AddrPort, limit string) { w.note(limit) }
func (w witness) HeaderFailed(_ *Listener, _ netip.AddrPort, err error)          { w.note(err.Error()) }

func TestEventsArePassedOnInOrder(t *testing.T) {
	var book strings.Builder
	all := All{witness{"a", &book}, witness{"b", &book}}
	info := &Session{Listener: &Listener{Service: "imaps"}}
	all.Opened(info)
	all.TLSEstablished(info)
	all.HandshakeFailed(info, Offer{}, io.EOF)
	all.LoginRefused(info, "LOGIN")
	all.Login(info, "alice", "PLAIN", gate.Answer{})
	all.Denied(info, "carol", "PLAIN", gate.ErrWeakTLS)
	all.Rejected(info, gate.Rejection{To: "bob"})
	all.Message(info, gate.Message{Reply: "250 ok"})
	all.Closed(info, Summary{})
	all.ConnectionRejected(info.Listener, info.Client, "limits.connections")
	all.HeaderFailed(info.Listener, info.Client, ErrSilent)
	want := "a:opened b:opened a:tls b:tls a:failed b:failed a:LOGIN b:LOGIN a:alice b:alice a:carol b:carol a:bob b:bob a:accepted b:accepted a:closed b:closed a:limits.connections b:limits.connections " +
		"a:closed without a byte b:closed without a byte "
	if got := book.String(); got != want {
		t.Errorf("%s; want %s", got, want)
	}
}
