// Package limit counts what clients hold at the same time, and decides which
// session or connection makes room for a new one.
//
// Slots are for the mail services. A session holds one slot. It counts in three
// places: among all sessions, among those of the client's network, and among
// those of the client itself. In each place every service has a reserve that
// other services cannot take; what is not reserved is common. A slot is free
// again when Leave is called, which is when the session's goroutines and
// descriptors are gone.
//
// A Listener is for what is beside the mail: challenges, policies, the status
// page.
package limit
