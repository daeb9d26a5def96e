// Package scan looks at a mail service from outside, as a scanner would: is
// TLS there, which versions and suites, whose certificate, is a login offered
// before TLS, is a plaintext command executed after it? And at what the DNS
// says of a domain's servers.
//
// It logs in nowhere and sends no mail. It can offer what crypto/tls has: of
// SSL 2 and 3, DHE and anonymous suites it sees nothing.
package scan
