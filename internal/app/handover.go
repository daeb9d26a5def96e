package app

import (
	"fmt"
	"net/netip"
	"slices"

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

// transparentRemedy says how the program gets the right that tproxy needs.
const transparentRemedy = "under systemd run systemctl edit letterlock, write [Service], AmbientCapabilities=CAP_NET_ADMIN and CapabilityBoundingSet=CAP_NET_ADMIN as lines, and restart the service;\n" +
	"  elsewhere let root start the program with the key user, which keeps the right"

// checkTransparent returns an error with the position of a listener's handover if
// that needs a right that the process does not have. A reload cannot give it the right.
func checkTransparent(c *configs.Config) error {
	i := slices.IndexFunc(c.Listeners, func(l configs.Listener) bool { return handovers[l.Handover].Transparent })
	if i < 0 {
		return nil
	}
	err := upstream.CheckTransparent()
	if err == nil {
		return nil
	}
	return configs.Errors{c.Wrong(fmt.Sprintf("listeners[%d].handover", i), err.Error(), transparentRemedy)}
}

func prefixes(networks []configs.Network) []netip.Prefix {
	var all []netip.Prefix
	for _, n := range networks {
		all = append(all, n.Prefix)
	}
	return all
}
