// Package certs chooses the certificate of each handshake, and gets
// certificates: from files, read again when they change, or made by itself and
// kept when there are none. What will make clients complain about one it says
// in words. Goroutines and timers belong to the caller.
package certs
