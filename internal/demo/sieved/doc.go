// Package sieved is the demo's ManageSieve server (RFC 5804): scripts go in,
// come out, are listed, renamed and activated. AUTHENTICATE PLAIN, no TLS.
//
// Scripts are kept in memory and never run. They are looked at before they are
// taken, but only for their shape: see Check.
package sieved
