package status

import (
	"io"
	"net/netip"
	"strings"
	"testing"

	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/proxy"
)

// witness writes down what it is told.
type witness struct {
	name string
	book *strings.Builder
}

func (w witness) note(event string) { w.book.WriteString(w.name + ":" + event + " ") }

func (w witness) Opened(*proxy.Info)                                          { w.note("opened") }
func (w witness) TLSEstablished(*proxy.Info)                                  { w.note("tls") }
func (w witness) HandshakeFailed(*proxy.Info, proxy.Offer, error)             { w.note("failed") }
func (w witness) LoginRefused(_ *proxy.Info, command string)                  { w.note(command) }
func (w witness) Login(_ *proxy.Info, user, _ string, _ gate.Answer)          { w.note(user) }
func (w witness) Closed(*proxy.Info, proxy.Summary)                           { w.note("closed") }
func (w witness) Denied(_ *proxy.Info, user, _ string, _ error)               { w.note(user) }
func (w witness) Rejected(_ *proxy.Info, r gate.Rejection)                    { w.note(r.To) }
func (w witness) Message(_ *proxy.Info, m gate.Message)                       { w.note(m.Outcome()) }
func (w witness) Turned(_ *proxy.Listener, _ netip.AddrPort, limit string)    { w.note(limit) }
func (w witness) HeaderFailed(_ *proxy.Listener, _ netip.AddrPort, err error) { w.note(err.Error()) }

func TestObserversAreToldInOrder(t *testing.T) {
	var book strings.Builder
	all := Observers{witness{"a", &book}, witness{"b", &book}}
	info := newInfo("id", "imaps")
	all.Opened(info)
	all.TLSEstablished(info)
	all.HandshakeFailed(info, proxy.Offer{}, io.EOF)
	all.LoginRefused(info, "LOGIN")
	all.Login(info, "alice", "PLAIN", gate.Answer{})
	all.Denied(info, "carol", "PLAIN", gate.ErrWeakTLS)
	all.Rejected(info, gate.Rejection{To: "bob"})
	all.Message(info, gate.Message{Reply: "250 ok"})
	all.Closed(info, proxy.Summary{})
	all.Turned(info.Listener, info.Client, "limits.connections")
	all.HeaderFailed(info.Listener, info.Client, proxy.ErrSilent)
	expect(t, "order", book.String(), "a:opened b:opened a:tls b:tls a:failed b:failed a:LOGIN b:LOGIN a:alice b:alice a:carol b:carol a:bob b:bob a:accepted b:accepted a:closed b:closed a:limits.connections b:limits.connections "+
		"a:closed without a byte b:closed without a byte ")
}
