// Package health serves the health of a running proxy by HTTP, and asks a running
// proxy for it.
//
// A proxy is alive while it answers at all. It is ready while it can serve
// clients: its sockets are open, and each listener has a backend that is up and
// a certificate that is valid. A container that is not alive must be restarted. A
// container that is not ready needs no restart, but must get no new clients.
package health
