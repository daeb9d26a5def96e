// Package acme orders certificates from a CA with ACME (RFC 8555), and renews them long
// before they expire. acmez (github.com/mholt/acmez) speaks the protocol. The package
// decides when to order, answers the challenges, and keeps what mail servers need:
//
//   - No order runs within a handshake. A [Keeper] orders a certificate for each set of
//     names and type of key, and reports when it has it. A certs.Store chooses the
//     certificate of a handshake, so that clients without SNI get the right one too.
//   - A certificate is renewed when the CA asks for it (ARI, RFC 9773); if the CA does
//     not say, when a third of the lifetime is left, or half of a lifetime under ten days.
//   - A renewal keeps the key, so that TLSA records stay valid (RFC 7671 §8.1), unless a
//     [KeyPlan] has the next key.
//   - Expired certificates are still served: most mail servers accept an expired
//     certificate, and none accepts a failed handshake.
//   - If the CA is down or refuses an order, the Keeper tries again after a pause that
//     grows, or when the CA allows it (Retry-After). [Keeper.Status] has the CA's error
//     and a remedy.
//   - HTTP-01 (RFC 8555 §8.3) and TLS-ALPN-01 (RFC 8737) have their own listeners.
//     DNS-01 (RFC 8555 §8.4) sets records with dnsupdate; dns-persist-01 needs one record
//     that the administrator sets. A challenge that cannot be answered is never tried,
//     because each failure counts at the CA.
//
// Account, keys and certificates are in a folder, under the names that autocert of
// golang.org/x/crypto gives them. The instances of a cluster share them ([Shared]): one
// instance orders, each answers the CA, and all serve the newest certificate.
package acme
