// Package smarthost is the gate of the service smarthost: it takes mail from
// the legacy server, in plaintext, and hands it on to the servers of its
// recipients, with the TLS that these deserve.
//
// It has no queue. Whom a message is for is asked from the recipient's server
// while the legacy server waits, and the answer to a recipient and to a
// message is that server's own; where there is none it is a temporary one, and
// the message stays in the legacy server's queue. Only MAIL is answered by us:
// where it leads is not known by then, and it promises nothing.
//
// A transaction goes to the servers of one domain; recipients in others are
// told to come back in another (RFC 5321 §4.5.3.1.10).
//
// Left out on purpose: STARTTLS and AUTH towards the legacy server (it is on
// this machine or a private network, and the gate looks at its address), DSN
// (we send no reports: the legacy server does, RFC 3461 §5.2.2), CHUNKING,
// BINARYMIME, and REQUIRETLS (the plaintext hop would break its promise).
// 8BITMIME is offered, and a text goes as it is to a server that does not
// offer it, as Exim has always done.
package smarthost
