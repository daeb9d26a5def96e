// Package egress decides which addresses the DNS records of other people may
// lead us to. The author of a message chooses the recipient's domain, and so
// its MX records: without a check they could lead to the backends, which trust
// our address, to relays in private networks, or back to this proxy.
package egress
