// Package smtp is the gate of the services smtp, submission and submissions.
//
// It implements RFC 5321 with STARTTLS (RFC 3207), AUTH (RFC 4954), PIPELINING
// (RFC 2920) and CHUNKING (RFC 3030). Extensions of the backend that only add
// parameters, such as SIZE, 8BITMIME, SMTPUTF8 and DSN, are forwarded without
// being interpreted.
//
// Unlike the other protocols SMTP is never relayed raw. The gate parses each
// command and sends the backend a line that it composes, so that XCLIENT, a
// second STARTTLS or a smuggled message cannot hide in it. The text of a
// message is normalised to CRLF lines, and ends at CRLF.CRLF only.
//
// Text in chunks is normalised too, because the backend may send it on by DATA.
// That changes its length, so one chunk of the client is forwarded as one or
// more chunks of ours (see rechunk.go). A BINARYMIME message to a backend that
// offers BINARYMIME has no lines and is forwarded unchanged: such a backend
// must not send it on by DATA unconverted (RFC 3030 §3).
//
// Commands are forwarded in the groups in which they arrive (see queue.go). A
// session has one goroutine.
//
// Not supported on purpose: TURN, ATRN and ETRN (the backend trusts our address
// and would release other hosts' queues), BURL, XCLIENT and XFORWARD (see
// caps.go), and REQUIRETLS (RFC 8689: a plaintext backend would break its
// promise).
package smtp
