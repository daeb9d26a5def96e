// Package probe asks a backend, from where the proxy stands and as a client of
// the proxy would come to it, whether it relays, whether it accepts a made-up
// password, and whether it takes plaintext logins and the handover that is
// configured.
//
// It never sends a message: each attempt ends after RCPT. A reply that leaves
// a question open is a finding too (Unknown), as it is no clearance. No finding
// is no proof, as servers judge by more than can be tried.
package probe
