//go:build linux

package load

import (
	"errors"
	"time"
)

// Job is the work of one measurement.
type Job struct {
	Addresses []string // the proxy's listeners, used in turn
	Protocol  string   // imap, pop3 or smtp
	STARTTLS  bool     // otherwise implicit TLS
	Group     string   // key exchange: X25519, CurveP256 or X25519MLKEM768
	Resume    bool     // resume TLS sessions
	TLS12     bool     // offer no later version
	Plain     bool     // plaintext

	Kind     Kind
	Count    int     // operations in all
	Sessions int     // that run at the same time
	Rate     float64 // operations a second; 0: as fast as possible
	Idle     int     // idle sessions during the work

	Size       int   // bytes of a message
	Sizes      []int // Message: of each message in turn, instead of Size
	Fresh      bool  // Message: a new session for each
	Pipelining bool  // Message: commands without waiting for replies
	Chunking   bool  // Message: BDAT instead of DATA

	Window   time.Duration // Result.Windows has windows of this length; 0: none
	Tolerant bool          // a failed operation is counted, and its session is opened again; otherwise the work ends
}

// Kind is the kind of an operation.
type Kind string

// The kinds of operations.
const (
	Session  Kind = "session"  // connect, TLS, login, logout
	Download Kind = "download" // IMAP FETCH of a message
	Upload   Kind = "upload"   // IMAP APPEND of a message
	NoOp     Kind = "noop"     // a round trip
	Message  Kind = "message"  // SMTP, one message to one recipient
	Idle     Kind = "idle"     // nothing: Job.Idle sessions are in IMAP IDLE
	Flood    Kind = "flood"    // connect, send nothing, disconnect
)

// Result holds the measurements of the clients.
type Result struct {
	Done    int           // completed operations
	Took    time.Duration // for all of them
	P50     time.Duration // of one operation
	P99     time.Duration
	Group   string // the key exchange of all sessions, "mixed" if there were several
	Version string // of TLS
	Fresh   int    // sessions opened in the run
	Resumed int    // sessions whose TLS was resumed
	Failed  int    // operations that failed; none without Job.Tolerant
	Windows []Window
}

// Window is the part of the work that ended within Job.Window.
type Window struct {
	Done, Failed int
	P99          time.Duration
}

var errJob = errors.New("no such work")
