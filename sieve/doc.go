// Package sieve is the gate of ManageSieve (RFC 5804).
//
// Before TLS it answers alone and takes no credentials; a literal that carries
// one is swallowed to its last byte, so that nothing in it is ever read as a
// command. After TLS it relays CAPABILITY and AUTHENTICATE as it has understood
// them; once the backend has accepted a login, the session is relayed.
//
// Left out: XCLIENT, by which a client would choose its own address;
// UNAUTHENTICATE, which leads back to before the login; and referrals, which
// name servers behind the proxy. The relay is inspected for them: see Inspect. A
// line with bytes that have no place in it ends the session: it may have
// announced a literal, and then there is no telling where the next command
// begins.
package sieve
