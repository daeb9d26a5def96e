package page

import (
	"time"

	"github.com/letterlock/letterlock/internal/upstream"
)

// Listener is a configured service on one address, with the state of its
// backends.
type Listener struct {
	Service  string    `json:"service"`
	Address  string    `json:"address"`
	Policy   string    `json:"policy"`
	Backend  string    `json:"backend"`
	Backends []Backend `json:"backends,omitempty"`
}

// Backend is one address of a backend, with its state after the last attempt.
// An address that was not tried yet is up.
type Backend struct {
	Address  string    `json:"address"`
	Sessions int       `json:"sessions"`
	Up       bool      `json:"up"`
	Drained  bool      `json:"drained,omitempty"` // by the administrator: it gets no new sessions
	Error    string    `json:"error,omitempty"`
	Since    time.Time `json:"since,omitzero"` // of the last change
}

// Backends returns the states of a pool's addresses.
func Backends(pool *upstream.Pool) []Backend {
	var list []Backend
	for _, state := range pool.State() {
		b := Backend{Address: state.Address, Sessions: state.Sessions, Up: state.Down == nil, Drained: state.Drained, Since: state.Since}
		if state.Down != nil {
			b.Error = clean(state.Down.Error(), maxError)
		}
		list = append(list, b)
	}
	return list
}
