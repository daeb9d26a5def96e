package smarthost

import (
	"context"
	"errors"
	"iter"

	"github.com/letterlock/letterlock/internal/devices"
	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/nexthop"
	"github.com/letterlock/letterlock/internal/wire"
	"github.com/letterlock/letterlock/smtp/syntax"
)

// Options are the settings of one listener.
type Options struct {
	Name       string          // the name in our EHLO to servers
	Denied     bool            // the client may not send mail, and cannot log in
	MustLogIn  bool            // the client may send mail only after a login
	TLS        bool            // STARTTLS is offered
	Client     *devices.Device // the device that the client's address stands for; nil: none, any sender is accepted
	Devices    *devices.Table  // the devices that can log in; nil: none
	Finder     Finder
	Lenient    Finder // ignores what domains publish about TLS, for messages with the header TLS-Required: No; nil: the header has no effect
	Observer   Observer
	TLSResult  func(TLSResult) // receives the results of TLS with the servers of domains; nil: nothing does
	Message    int             // maximum bytes of a message
	Recipients int             // maximum number in a transaction
	Received   bool

	Connections *Connections // keeps connections to servers; nil: each is closed after its message
}

// Finder finds the servers for mail from a sender to a domain; see nexthop.Finder.
type Finder interface {
	Hops(ctx context.Context, sender, domain string) iter.Seq2[nexthop.Hop, error]

	// Spare records that handshakes with a server fail with hybrid key exchange
	// and succeed without it.
	Spare(host string)
}

// Gate is the gate of one session.
type Gate struct {
	s *gate.Session
	o Options

	front  *wire.Stream
	helo   string // the name in the client's EHLO; empty: none yet
	verb   string // EHLO or HELO
	errors int
	mail   *transaction // nil: there is none

	permitted bool            // the client may send mail
	device    *devices.Device // that sends; nil: none, any sender is accepted
	authed    bool            // the device has logged in
}

// New returns the gate of a session.
func New(s *gate.Session, o Options) *Gate {
	return &Gate{s: s, o: o, permitted: !o.MustLogIn, device: o.Client}
}

// Secure does nothing: TLS is the client's choice, unless it logs in.
func (g *Gate) Secure(*wire.Stream) error { return nil }

var errNotOpened = errors.New("a smarthost finds its servers by itself")

// Open is never called: this gate connects to its servers itself.
func (g *Gate) Open(*wire.Stream) error { return gate.Because(gate.Internal, errNotOpened) }

var errDenied = errors.New("the client's address is not in smarthost.clients, nor that of a device")

// Settle runs the session to its end.
func (g *Gate) Settle(front, _ *wire.Stream) error {
	g.front = front
	defer g.endTransaction()
	if g.o.Denied {
		front.Print("554 5.7.1 Access denied\r\n")
		_ = front.Flush()
		return gate.Because(gate.Done, errDenied)
	}
	front.Print("220 ", g.s.Hostname, " ESMTP ", g.s.Banner, "\r\n")
	for {
		if !front.HasLine() {
			if err := front.Flush(); err != nil {
				return gate.FromClient(err)
			}
		}
		cmd, err := syntax.ReadCommand(front)
		if err != nil {
			return err
		}
		if err := g.execute(cmd); err != nil {
			return err
		}
	}
}

// Refuse sends the client the last reply of the session.
func (g *Gate) Refuse(front *wire.Stream, why gate.Reason) {
	if text := syntax.Farewell(why, g.s.ID); text != "" {
		front.Print(text)
		_ = front.Flush()
	}
}
