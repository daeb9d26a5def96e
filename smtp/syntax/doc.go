// Package syntax reads SMTP (RFC 5321): command lines, paths, lines of replies
// and message text. It is what the gate of package smtp and the smarthost have
// in common.
package syntax
