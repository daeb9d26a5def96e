// Package smtp is the gate of the services smtp, submission and submissions.
//
// It speaks RFC 5321 with STARTTLS (RFC 3207), AUTH (RFC 4954), PIPELINING
// (RFC 2920), CHUNKING (RFC 3030) and whatever extensions of the backend are
// only parameters: SIZE, 8BITMIME, SMTPUTF8, DSN and the like pass unread.
//
// Unlike the other protocols SMTP is never relayed raw. Each command is parsed
// and a line of our own goes to the backend, so that XCLIENT, a second
// STARTTLS or a smuggled message cannot hide anywhere; message text is made of
// CRLF lines on its way, and ends at CRLF.CRLF and nowhere else.
//
// In chunks it is made of CRLF lines too, as the backend may send them on by
// DATA. That changes their length, and so a chunk of the client's goes on as
// one or several of ours (see rechunk.go). What is declared BINARYMIME, to a
// backend that offers it, is no lines and passes as it is: such a backend has
// promised to send it on by DATA in another form alone (RFC 3030 §3).
//
// Commands go on in the groups in which they come: what was sent is kept in a
// queue of expected replies, and our own answers stand in that queue too, so
// that all reach the client in order. One goroutine does it all.
//
// Left out on purpose: TURN, ATRN and ETRN (the backend would trust us with
// other people's queues), BURL, XCLIENT and XFORWARD (see caps.go), REQUIRETLS
// (RFC 8689: the plaintext leg behind us would break its promise).
package smtp
