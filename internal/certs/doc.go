// Package certs selects the certificate of each handshake, and loads
// certificates from files, which are read again when they change, or creates
// and stores a self-signed pair if there are none. It describes the problems
// that clients would have with a certificate. Goroutines and timers belong to
// the caller.
package certs
