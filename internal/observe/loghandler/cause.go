package loghandler

import (
	"log/slog"
	"net/netip"

	"github.com/letterlock/letterlock/internal/limit"
)

// clientKey is the attribute with the client that has caused a line.
const clientKey = "client"

// Client is the client that has caused a line, as the value of the attribute
// "client". A netip.AddrPort as the value is a client that has not settled.
type Client struct {
	netip.AddrPort

	// Settled says that the session has logged in, or on smtp delivered a
	// message, and that the line must be written, however many lines the client
	// has caused.
	Settled bool
}

// Kind is a value that is the same in all lines of a kind. A few such lines a
// minute have all the information, so the others are omitted, whichever clients
// cause them. Several kinds in one line form one kind.
type Kind string

// cause is the account that a line is charged to.
type cause struct {
	kind    string     // empty: none
	client  netip.Addr // in the form of limit.Client; invalid: no client has caused the line
	settled bool
	debug   bool
	message string // the message of a line that no client has caused
}

// causeOf finds the client and the kind in the attributes of a record.
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
