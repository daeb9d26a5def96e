// Package smarthost is the gate of the service smarthost. It accepts mail from
// the legacy server in plaintext and forwards it to the servers of the
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
// Not supported on purpose: STARTTLS and AUTH for the legacy server (it is on
// this machine or in a private network, and the gate checks its address), DSN
// (the legacy server sends the reports, RFC 3461 §5.2.2), CHUNKING, BINARYMIME,
// and REQUIRETLS (the plaintext hop would break its promise). 8BITMIME is
// offered, and an 8-bit text is sent unchanged to a server that does not offer
// it, as Exim does.
package smarthost
