// Package nexthop finds the servers of a domain that receive its mail, by
// preference, and the requirements on TLS with each of them. The table of
// destinations takes precedence, then TLSA records (RFC 7672), then the domain's
// MTA-STS policy (RFC 8461), then a level for all other domains. The package looks
// names up in DNS, and opens no connection to a mail server.
package nexthop
