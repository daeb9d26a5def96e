package app

import (
	"net/netip"

	"github.com/letterlock/letterlock/configs"
	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/upstream"
)

// handovers maps the values in the configuration, which has checked that they
// fit the service.
var handovers = map[string]upstream.Handover{
	"none":         {},
	"proxy-v1":     {Header: 1},
	"proxy-v2":     {Header: 2},
	"tproxy":       {Transparent: true},
	"xclient":      {Spoken: gate.XCLIENT},
	"xforward":     {Spoken: gate.XFORWARD},
	"imap-id":      {Spoken: gate.IMAPID},
	"pop3-xclient": {Spoken: gate.XCLIENT},
}

func prefixes(networks []configs.Network) []netip.Prefix {
	var all []netip.Prefix
	for _, n := range networks {
		all = append(all, n.Prefix)
	}
	return all
}
