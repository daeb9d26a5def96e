// Package egress decides to which addresses outgoing mail may be sent because of DNS
// records. The author of a message chooses the recipient's domain, and so its MX
// records. Without a check these could lead to the backends, which trust the proxy's
// address, to relays in private networks, or back to the proxy.
package egress
