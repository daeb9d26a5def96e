// Package syntax has the parts of SMTP (RFC 5321) that the gates of packages
// smtp and smarthost share: commands, paths, replies, the text of messages, and
// the last reply of a session.
package syntax
