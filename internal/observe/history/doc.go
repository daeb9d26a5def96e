// Package history keeps what was refused in each session, and the sessions that ended
// last, in bounded memory: for the status page and `letterlock explain`.
//
// Sessions with an accepted login or message, and all others, have a ring each, so
// that clients without a login cannot displace the sessions of users. In its ring one
// client has a share, so that it cannot displace all others.
package history
