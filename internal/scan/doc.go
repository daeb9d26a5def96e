// Package scan examines a mail service from outside, as a security scanner
// does: whether it has TLS, with which versions, cipher suites and certificate,
// whether it offers a login before TLS, and whether it executes a plaintext
// command inside TLS. It also checks the DNS records of a domain's servers.
//
// It does not log in and sends no mail. It can only offer what crypto/tls
// implements: it does not detect SSL 2 and 3, DHE suites and anonymous suites.
package scan
