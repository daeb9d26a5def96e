// Package backend is the mail server that all proxies are measured in front
// of: IMAP, POP3 and SMTP in plaintext. It knows one user, takes any message
// and does no work of its own, so that it never is what is waited for.
package backend
