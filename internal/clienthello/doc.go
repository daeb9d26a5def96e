// Package clienthello parses a TLS client's ClientHello from the bytes that the
// client has sent, even one that crypto/tls refuses: the log reports what the
// client offered, and what is wrong with it.
package clienthello
