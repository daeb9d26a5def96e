// Package certs chooses the certificate of each handshake, and gets
// certificates: from files, or made by itself and kept when there are none.
package certs
