// Package limit bounds what clients may use: sessions, connections, TLS handshakes
// and failed logins.
//
// Slots count the sessions of the mail services, and decide which session is
// evicted for a new one. A session holds one slot. It counts in three scopes: among
// all sessions, among those of the client's network, and among those of the
// client itself. In each scope every service has a reserve that other services
// cannot take; the rest is common. A slot is free again when Leave is called,
// which is when the session's goroutines and descriptors are gone.
//
// A Listener bounds the connections to the other services: challenges, policies,
// the status page.
//
// Turns bound the handshakes that compute at the same time. Logins delays and
// refuses logins after failures.
//
// In a cluster, Logins shares its counts with other instances through a store (Shared),
// and the sessions of a client at other instances count for its limit of slots.
package limit
