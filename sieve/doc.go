// Package sieve is the gate of ManageSieve (RFC 5804).
//
// Before TLS it answers without a backend and accepts no credentials. A literal
// with credentials is discarded to its last byte, so that nothing in it is read
// as a command. After TLS it parses and forwards CAPABILITY and AUTHENTICATE.
// Once the backend has accepted a login, the session is relayed.
//
// Not supported: XCLIENT, with which a client could choose its own address;
// UNAUTHENTICATE, which returns to the state before the login; and referrals,
// which name servers behind the proxy. The relay is inspected for such
// commands: see relay.go. A line with bytes that are not allowed in a line ends
// the session: it may have announced a literal, and then it is unknown where
// the next command begins.
package sieve
