// Package nexthop finds the servers that take mail for a domain, the best
// first, and what TLS with each of them must be: by the administrator's table,
// by TLSA records (RFC 7672), by the domain's MTA-STS policy (RFC 8461), and
// by a level for all others, in this order. It asks DNS, and connects nowhere.
package nexthop
