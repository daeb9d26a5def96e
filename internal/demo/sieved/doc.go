// Package sieved is the demo's ManageSieve server (RFC 5804): clients can
// store, read, list, rename and activate scripts. It has AUTHENTICATE PLAIN and
// no TLS.
//
// Scripts are kept in memory and never run. Only their structure is checked:
// see Check.
package sieved
