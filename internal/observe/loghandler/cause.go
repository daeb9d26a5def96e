package loghandler

import (
	"log/slog"
	"net/netip"

	"github.com/letterlock/letterlock/internal/limit"
)

// clientKey is the attribute that names the client by which a line was caused.
const clientKey = "client"

// Client is the client by which a line was caused, as the value of the
// attribute "client". A netip.AddrPort there is a client that has not settled.
type Client struct {
	netip.AddrPort

	// Settled says that the session has logged in, or on smtp delivered a
	// message, and that the line is worth keeping whatever the client has
	// caused before.
	Settled bool
}

// Kind is a value that is the same in all lines of a kind. A few such lines a
// minute carry all the information, so the others are left out, whichever clients
// cause them. Several kinds in one line form one kind.
type Kind string

// cause is the account that a line is charged to.
type cause struct {
	kind    string     // empty: of no kind
	client  netip.Addr // as limit.Client has it; invalid: no client has caused the line
	settled bool
	debug   bool
	message string // of a line that no client has caused
}

// causeOf finds the client and the kind among the attributes of a record.
func causeOf(r slog.Record) cause {
	c := cause{debug: r.Level < slog.LevelInfo}
	r.Attrs(func(a slog.Attr) bool {
		if a.Value.Kind() == slog.KindAny {
			c.note(a)
		}
		return true
	})
	c.client = limit.Client(c.client)
	if !c.client.IsValid() && !c.debug {
		c.message = r.Message[:min(len(r.Message), ownWords)]
	}
	return c
}

func (c *cause) note(a slog.Attr) {
	switch v := a.Value.Any().(type) {
	case Kind:
		c.kind += a.Key + "=" + string(v) + " "
	case Client:
		if a.Key == clientKey {
			c.client, c.settled = v.Addr(), v.Settled
		}
	case netip.AddrPort:
		if a.Key == clientKey {
			c.client = v.Addr()
		}
	case netip.Addr:
		if a.Key == clientKey {
			c.client = v
		}
	}
}
