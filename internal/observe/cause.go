package observe

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

// cause is to whose account a line goes.
type cause struct {
	client  netip.Addr // as limit.Client has it; invalid: no client has caused the line
	settled bool
	debug   bool
	message string // of a line that no client has caused
}

// causeOf finds the client among the attributes of a record.
func causeOf(r slog.Record) cause {
	c := cause{debug: r.Level < slog.LevelInfo}
	r.Attrs(func(a slog.Attr) bool {
		if a.Key != clientKey {
			return true
		}
		switch at := a.Value.Any().(type) {
		case Client:
			c.client, c.settled = at.Addr(), at.Settled
		case netip.AddrPort:
			c.client = at.Addr()
		case netip.Addr:
			c.client = at
		}
		return false
	})
	c.client = limit.Client(c.client)
	if !c.client.IsValid() && !c.debug {
		c.message = r.Message[:min(len(r.Message), ownWords)]
	}
	return c
}
