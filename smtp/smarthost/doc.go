// Package smarthost is the gate of the service smarthost. It accepts mail from
// the legacy server and from devices, and forwards it to the servers of the
// recipients' domains, with the TLS that these require.
//
// It has no queue. While the legacy server waits, each recipient is forwarded
// to the server of its domain, and the replies to RCPT and to the message are
// that server's. If no server can be reached, the reply is temporary, and the
// message stays in the legacy server's queue. Only MAIL is answered by the
// gate: the server is not known yet, and a 250 to MAIL promises nothing.
//
// A transaction goes to the servers of one domain. Recipients in other domains
// get a temporary refusal, and the legacy server sends them another transaction
// (RFC 5321 §4.5.3.1.10).
//
// A connection to a server is kept for the next message, which uses it only if it would
// make one under the same conditions.
//
// A client sends by right of its address, or after the login of a device (package
// devices), which needs TLS. A device may use some senders only, so many messages an
// hour, and until its last day.
//
// The header TLS-Required: No (RFC 8689 §5) is honoured if the configuration says so. It
// comes after RCPT: see held.
//
// Not supported on purpose: DSN (the legacy server sends
// the reports, RFC 3461 §5.2.2), CHUNKING and BINARYMIME. 8BITMIME is offered, and an
// 8-bit text is sent unchanged to a server that does not offer it, as Exim does.
package smarthost
