// Package demo is the plaintext mail server that `letterlock demo` puts the
// proxy in front of: SMTP as an MX, submission, IMAP, POP3 and ManageSieve,
// each on a port of its own on the loopback address, without TLS.
//
// There is one user, demo with the password demo, and one mailbox in memory:
// what comes in by SMTP for anybody at example.com goes out by IMAP and POP3,
// and is forgotten with the process. Nothing is ever sent elsewhere.
//
// It stands for a legacy server. It speaks the protocols as their RFCs have
// them and is bounded everywhere, but it is no mail server to keep mail in.
package demo
