// Package syntax holds what the gate of package smtp and the smarthost have in
// common of SMTP (RFC 5321): commands, paths, replies, the text of messages, and
// the last reply of a session.
package syntax
