// Package backend is the mail server behind all measured proxies: IMAP, POP3
// and SMTP in plaintext. It has one user, accepts any message and does almost
// no work, so that the proxies and not the server limit the results.
package backend
