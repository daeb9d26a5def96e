package proxy

import (
	"net/netip"

	"github.com/letterlock/letterlock/internal/limit"
	"github.com/letterlock/letterlock/internal/observe"
	"github.com/letterlock/letterlock/internal/record"
	"github.com/letterlock/letterlock/internal/upstream/reversedns"
)

// origin holds what differs between the connections of clients and those that the
// process makes to its own listeners, to check what clients receive (see Server.Self).
// A connection gets its origin when it is accepted, and its session keeps it.
//
// A session of the process itself ends when TLS has started, before a backend is
// dialled. It is not listed, and needs no PROXY header.
type origin struct {
	server   *Server
	own      bool              // the process itself has connected
	observer observe.Observer  // receives the events
	recorder *record.Recorder  // nil: no session is recorded
	names    *reversedns.Cache // nil: no name is looked up
	slots    limit.Slots
	open     int // sessions, and connections that have sent nothing yet; Server.mu guards it
}

// maxOwn bounds the connections that the process makes to its own listeners.
const maxOwn = 16

// setOrigins prepares the two origins.
func (s *Server) setOrigins() {
	s.clients = origin{server: s, observer: s.Observer, recorder: s.Recorder, names: reversedns.New(s.Resolver)}
	s.itself = origin{server: s, own: true, observer: observe.None{}}
	s.itself.slots.Set(limit.SlotLimits{Connections: maxOwn})
}

// originOf returns the origin of a connection.
func (s *Server) originOf(peer netip.AddrPort) *origin {
	if s.Self != nil && s.Self(peer) {
		return &s.itself
	}
	return &s.clients
}
