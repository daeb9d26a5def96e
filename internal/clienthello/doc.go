// Package clienthello reads what a TLS client offers from the bytes that it has
// sent, also where crypto/tls refuses to: the log has to say what was offered,
// and what is wrong with it.
package clienthello
