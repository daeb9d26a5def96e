package upstream

import "github.com/letterlock/letterlock/internal/gate"

// Handover selects the protocol that passes the client's address to a backend. The
// zero value passes nothing.
type Handover struct {
	Header      byte          // the version of the PROXY header that is sent; 0: none
	Transparent bool          // connect from the client's own address
	Spoken      gate.Handover // with a command of the protocol
}

// Words returns the part of the handover that a gate needs.
func (h Handover) Words() gate.Handover {
	if h.Header > 0 {
		return gate.PROXYHeader
	}
	return h.Spoken
}

// Seen reports whether the backend knows the client's address from the first
// byte on.
func (h Handover) Seen() bool { return h.Header > 0 || h.Transparent }
