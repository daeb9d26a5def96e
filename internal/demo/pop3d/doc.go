// Package pop3d is the demo's POP3 server: RFC 1939 with TOP, UIDL and APOP,
// CAPA and response codes (RFC 2449, RFC 3206), AUTH PLAIN (RFC 5034). It has
// no TLS.
//
// A session is a state machine with RFC 1939's states; the table in commands.go
// has the commands of each state. The messages are those that the maildrop had
// at login. The maildrop is not locked: a message that was deleted by IMAP
// meanwhile gets the reply -ERR.
package pop3d
