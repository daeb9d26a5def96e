package proxy

import (
	"net/netip"

	"github.com/letterlock/letterlock/internal/observe"
)

// This file is about the connections that the process makes to its own listeners, to
// check what clients receive; see Server.Self. Such a session ends when TLS has started,
// before a backend is dialled. It is no client's: it causes no events, is not recorded or
// listed, looks no name up, needs no PROXY header, and does not count for the limits.

// maxSelf bounds the connections of Self.
const maxSelf = 16

func (s *Server) isSelf(peer netip.AddrPort) bool { return s.Self != nil && s.Self(peer) }

// observerOf returns the observer of the events of a connection.
func (s *Server) observerOf(self bool) observe.Observer {
	if self {
		return observe.None{}
	}
	return s.Observer
}

func (ses *session) observer() observe.Observer { return ses.server.observerOf(ses.self) }
