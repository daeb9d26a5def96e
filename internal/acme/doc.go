// Package acme orders certificates from a CA with ACME (RFC 8555), and renews them long
// before they expire. It uses autocert of golang.org/x/crypto, which orders and stores
// them, and adds what mail servers need:
//
//   - No order runs within a handshake. A [Keeper] orders an ECDSA and an RSA
//     certificate for every name when it starts, and reports when it has them. A
//     certs.Store chooses the certificate of a handshake, so that clients without SNI
//     and clients with TLS 1.3 get the right one too.
//   - Expired certificates are still served: most mail servers accept an expired
//     certificate, and none accepts a failed handshake.
//   - If the CA is down or refuses an order, the Keeper tries again after a pause that
//     grows, and logs the CA's error; autocert drops most of these errors.
//   - Challenges have their own listeners: HTTP-01 (RFC 8555 §8.3) on port 80,
//     TLS-ALPN-01 (RFC 8737) on port 443. A challenge without a listener is never tried,
//     because each failure counts at the CA.
//
// A renewal keeps the key, so that TLSA records stay valid (RFC 7671 §8.1). The key is
// lost with the folder, or when a certificate has expired before the start.
//
// Not supported, because autocert does not support it: DNS-01 and with it wildcards,
// certificates for several names, renewal hints of the CA (RFC 9773).
package acme
