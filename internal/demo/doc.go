// Package demo is the plaintext mail server behind the proxy of `letterlock
// demo`: SMTP as an MX, submission, IMAP, POP3 and ManageSieve, each on its own
// port of the loopback address, without TLS.
//
// There is one user, demo with the password demo, and one mailbox in memory:
// mail that arrives by SMTP for any address at example.com can be read by IMAP
// and POP3, and is lost when the process ends. No mail is sent elsewhere.
//
// It represents a legacy server. It follows the RFCs of the protocols and
// bounds all resources, but it is not suitable for storing mail.
package demo
