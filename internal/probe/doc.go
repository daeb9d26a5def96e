// Package probe asks a backend what a stranger would ask it, from where the
// proxy stands: does it relay, does it take a wrong password, does it take a
// password in plaintext at all?
//
// It never sends a message: each try ends behind RCPT. A finding is a reason
// to look; none is no proof, as servers judge by more than can be tried.
package probe
