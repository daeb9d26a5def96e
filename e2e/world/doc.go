// Package world starts what the end-to-end tests need on loopback: a Postfix
// and a Dovecot that know no TLS, one set of mailboxes between them, and as
// many instances of Letterlock in front as are asked for.
//
// Everything lives in one temporary folder and on ports that nobody else
// uses; the machine's own mail system, if there is one, is not touched. It
// needs root. Whatever was started is ended by Stop, which also says what was
// left over.
package world
