// Package outbound decides about TLS to other mail servers: what a security
// level requires, and how far a server's certificate authenticates it. Levels
// and terms are Postfix's (TLS_README). The package does no lookups; its caller
// provides names, TLSA records and authorities.
//
// Its API is stable; see package tlspolicy.
package outbound
