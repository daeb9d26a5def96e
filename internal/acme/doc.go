// Package acme gets certificates from a CA that speaks ACME (RFC 8555), and
// renews them long before they expire. It stands around autocert of
// golang.org/x/crypto, which orders and stores; what is added is what mail
// asks for:
//
//   - No order runs within a handshake. A [Keeper] orders an ECDSA and an RSA
//     certificate for every name when it starts, and says when it has them;
//     what handshakes are given is another's choice (certs.Store), so that
//     clients without SNI, and those of TLS 1.3, get the right one too.
//   - What was ever obtained is served, expired or not: most mail servers take
//     an expired certificate and none takes silence.
//   - A CA that is down or refuses is asked again after a pause that grows,
//     and its own words go to the log; autocert swallows most of them.
//   - Challenges have listeners of their own: HTTP-01 (RFC 8555 §8.3) on port
//     80, TLS-ALPN-01 (RFC 8737) on port 443. What has no listener is never
//     tried, as each failure counts at the CA.
//
// On renewal the key stays, so that TLSA records do (RFC 7671 §8.1). It is
// lost with the folder, or when a certificate has expired before the start.
//
// Left out, as autocert has none of it: DNS-01 and with it wildcards,
// certificates for several names, renewal hints of the CA (RFC 9773).
package acme
