// Package pop3d is the demo's POP3 server: RFC 1939 with TOP, UIDL and APOP,
// CAPA and response codes (RFC 2449, RFC 3206), AUTH PLAIN (RFC 5034). It has
// no TLS.
//
// A session is a state machine of RFC 1939's states; what may be said in
// which is a table in commands.go. The messages are those that the maildrop
// held at login. Nothing locks it: a message that was deleted by IMAP in
// between is answered with -ERR.
package pop3d
