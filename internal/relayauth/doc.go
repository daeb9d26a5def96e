// Package relayauth logs in at a relay: it selects a SASL mechanism that the
// relay offers, computes the client's side of it, and pauses after a refusal.
//
// A relay that refuses a login may lock the account after some tries. The
// messages of a legacy server must not cause that, so an account pauses after a
// refusal, longer after each, until the time is over or its secret has changed.
package relayauth
