package load

import (
	"errors"
	"time"
)

// Job is the work of one measurement.
type Job struct {
	Addresses []string // the proxy's listeners, used in turn
	Protocol  string   // imap, pop3 or smtp
	STARTTLS  bool     // otherwise TLS comes first
	Group     string   // the key exchange: X25519, CurveP256 or X25519MLKEM768
	Resume    bool     // TLS sessions are resumed
	TLS12     bool     // no later version is offered
	Plain     bool     // no TLS

	Kind     Kind
	Count    int     // operations in all
	Sessions int     // that work at the same time
	Rate     float64 // operations a second; 0 is as fast as they can be done
	Idle     int     // sessions that only sit there meanwhile

	Size       int  // bytes of a message
	Fresh      bool // Message: a session for each
	Pipelining bool // Message: commands without waiting for replies
	Chunking   bool // Message: BDAT instead of DATA
}

// Kind is what an operation is.
type Kind string

// The kinds of work.
const (
	Session  Kind = "session"  // connect, TLS, login, logout
	Download Kind = "download" // IMAP FETCH of a message
	Upload   Kind = "upload"   // IMAP APPEND of a message
	NoOp     Kind = "noop"     // a round trip
	Message  Kind = "message"  // SMTP, one message to one recipient
	Idle     Kind = "idle"     // nothing: Job.Idle sessions sit in IMAP IDLE
	Flood    Kind = "flood"    // connect, say nothing, go
)

// Result is what the clients saw.
type Result struct {
	Done    int           // operations
	Took    time.Duration // for all of them
	P50     time.Duration // of one operation
	P99     time.Duration
	Group   string // the key exchange of all sessions, "mixed" if there were several
	Version string // TLS, likewise
	Fresh   int    // sessions opened in the run
	Resumed int    // of which TLS was resumed
}

var errJob = errors.New("no such work")
