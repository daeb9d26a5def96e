// Package probe asks a backend, from the proxy's address and as a client would
// come through the proxy, whether it is an open relay, whether it accepts a
// made-up password, whether it accepts plaintext logins, and whether it accepts
// the configured handover.
//
// A probe sends no message: each attempt ends after RCPT. If a reply leaves a
// question open, the probe reports that as a finding too (Unknown). A probe
// without findings proves nothing, as servers judge by more than can be tried.
package probe
