// Package tlspolicy decides what TLS may be negotiated and which sessions are
// strong enough for a login. It holds pure values: named policies, the suites
// and groups they allow, and the crypto/tls configuration that follows from
// them. Sockets, files and certificates live elsewhere.
//
// The policies follow Mozilla's Server Side TLS 6.0, RFC 9325, RFC 8314 and
// RFC 8997; where the alternative to weak TLS is no TLS (port 25), RFC 7435
// and RFC 9325 §5.2.
package tlspolicy
