package record

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/letterlock/letterlock/internal/observe"
)

// Order selects the sessions to record. Exactly one of User, Client and ID is set.
type Order struct {
	User     string // in any case, also if its logins fail
	Client   netip.Prefix
	ID       string        // of an open session
	Sessions int           // until the recording ends
	Bytes    int           // of each session
	Time     time.Duration // until the recording ends
	Texts    bool          // the texts of messages are not masked
	Folder   string        // of the files
}

// The bounds of an order, and of the sessions that are kept while it is not known
// whether they are the user's.
const (
	MaxSessions = 100
	MaxBytes    = 16 << 20
	maxTotal    = 64 << 20 // bytes of all sessions
	MaxTime     = 24 * time.Hour
	maxOpen     = 256      // sessions at the same time
	maxUnknown  = 32 << 10 // bytes of a session without a login
)

// Errors of Start.
var (
	ErrRunning = errors.New("another recording runs: letterlock record --stop ends it")
	ErrOrder   = fmt.Errorf("record one user, client or session: 1 to %d sessions of 1 to %d bytes, at most %d bytes together, for at most %s",
		MaxSessions, MaxBytes, maxTotal, MaxTime)
)

// check checks the bounds of an order.
func (o Order) check() error {
	subjects := 0
	for _, set := range []bool{o.User != "", o.Client.IsValid(), o.ID != ""} {
		if set {
			subjects++
		}
	}
	switch {
	case subjects != 1, o.Sessions < 1, o.Sessions > MaxSessions, o.Bytes < 1, o.Bytes > MaxBytes,
		o.Sessions*o.Bytes > maxTotal, o.Time <= 0, o.Time > MaxTime:
		return ErrOrder
	}
	return nil
}

func (o Order) client() string {
	if o.Client.IsValid() {
		return o.Client.String()
	}
	return ""
}

// names reports whether an order names a session by its id or by its client.
func (o Order) names(s *observe.Session) bool {
	if o.ID != "" {
		return s.ID == o.ID
	}
	return o.Client.IsValid() && o.Client.Contains(s.Client.Addr().Unmap().WithZone(""))
}
