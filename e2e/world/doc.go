// Package world starts the servers that the end-to-end tests need on loopback:
// a Postfix and a Dovecot without TLS, which share the mailboxes, and any
// number of instances of Letterlock in front of them.
//
// All files are in one temporary folder, and the ports are free ones; the
// machine's own mail system, if there is one, is not touched. The package needs
// root. Stop ends all processes, and returns an error if one was left over.
package world
