// Package proxyheader reads and writes PROXY headers (haproxy's
// proxy-protocol.txt): load balancers send them to us, and we send them to
// backends.
package proxyheader
