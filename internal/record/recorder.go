package record

import (
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/observe"
)

// Recorder records sessions. As an observe.Observer it learns their users and their
// ends. At most one recording runs at a time; without one, a session costs one atomic
// load.
type Recorder struct {
	observe.None
	Log      *slog.Logger
	Hostname func() string
	Protocol func(service string) string // smtp, imap, pop3 or sieve

	now     atomic.Pointer[recording] // nil: none runs
	mu      sync.Mutex
	last    *recording // the last one, running or ended
	writing sync.WaitGroup
}

// recording is an order that runs or has ended.
type recording struct {
	Order
	until time.Time
	timer *time.Timer // ends it

	mu    sync.RWMutex
	open  map[string]*Conversation // by the id of the session
	left  int                      // sessions that may still be recorded
	files []string
	over  bool
	err   error // why it ended early; nil: as ordered
}

// Start begins a recording.
func (r *Recorder) Start(o Order) error {
	if err := o.check(); err != nil {
		return err
	}
	if err := createFolder(o.Folder); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	c := &recording{Order: o, until: time.Now().Add(o.Time), open: map[string]*Conversation{}, left: o.Sessions}
	if !r.now.CompareAndSwap(nil, c) {
		return ErrRunning
	}
	r.last = c
	c.timer = time.AfterFunc(o.Time, func() { r.finish(c, nil) })
	r.Log.Warn("a recording begins: what is sent in these sessions is written to files, without passwords", "user", o.User, "client", o.client(),
		"session", o.ID, "sessions", o.Sessions, "until", c.until.UTC().Format(time.RFC3339), "texts", o.Texts, "folder", o.Folder)
	return nil
}

// finish ends a recording, and writes the sessions of it that are open.
func (r *Recorder) finish(c *recording, why error) {
	c.mu.Lock()
	if c.over {
		c.mu.Unlock()
		return
	}
	c.over = true
	open := c.open
	c.open, c.left = nil, 0
	c.mu.Unlock()
	r.now.CompareAndSwap(c, nil)
	c.timer.Stop()
	for id, kept := range open {
		if !kept.isWanted() || why != nil {
			kept.discard()
			continue
		}
		kept.finish(false)
		why = r.write(c, kept, id)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err = why; why != nil {
		r.Log.Error("the recording has ended early", "error", why, "files", len(c.files))
	} else {
		r.Log.Warn("the recording has ended", "files", len(c.files))
	}
}

// Stop ends the recording, if one runs.
func (r *Recorder) Stop() {
	if c := r.now.Load(); c != nil {
		r.finish(c, nil)
	}
}

// Close ends the recording, and waits until all files are written.
func (r *Recorder) Close() {
	r.Stop()
	r.writing.Wait()
}

// State describes the last recording.
type State struct {
	Order
	Running bool
	Left    int // sessions
	Until   time.Time
	Files   []string
	Err     error // why it ended early; nil: as ordered
}

// State describes the last recording.
func (r *Recorder) State() State {
	r.mu.Lock()
	c := r.last
	r.mu.Unlock()
	if c == nil {
		return State{}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return State{Order: c.Order, Running: !c.over, Left: c.left, Until: c.until, Files: append([]string(nil), c.files...), Err: c.err}
}

// Keep returns the conversation of a session that begins; nil: it is not recorded.
func (r *Recorder) Keep(s *observe.Session) *Conversation { return r.keep(s, false) }

// KeepOpen returns the conversation of a session that is open already; nil: it is
// not recorded.
func (r *Recorder) KeepOpen(s *observe.Session) *Conversation { return r.keep(s, true) }

func (r *Recorder) keep(s *observe.Session, open bool) *Conversation {
	if r == nil {
		return nil
	}
	c := r.now.Load()
	if c == nil || open != (c.ID != "") {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	wanted := c.names(s)
	if c.over || c.left == 0 || len(c.open) >= maxOpen || !wanted && c.User == "" {
		return nil
	}
	limit := maxUnknown
	if wanted {
		limit = c.Bytes
		c.left--
	}
	kept := NewConversation(r.Protocol(s.Listener.Service), limit, c.Texts)
	kept.late, kept.wanted = open, wanted
	kept.about = aboutOf(s)
	c.open[s.ID] = kept
	return kept
}

// Of returns the conversation in which an open session is kept; nil: none.
func (r *Recorder) Of(id string) *Conversation {
	if r == nil {
		return nil
	}
	c := r.now.Load()
	if c == nil {
		return nil
	}
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.open[id]
}

// Login keeps the session of the user, and discards that of another user.
func (r *Recorder) Login(s *observe.Session, user, _ string, a gate.Answer) {
	r.identified(s, user, a.OK())
}

// Denied keeps the session of the user.
func (r *Recorder) Denied(s *observe.Session, user, _ string, _ error) { r.identified(s, user, false) }

// identified is called when a session tries to log in.
func (r *Recorder) identified(s *observe.Session, user string, accepted bool) {
	c := r.now.Load()
	if c == nil || c.User == "" {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	kept := c.open[s.ID]
	if kept == nil || kept.isWanted() {
		return
	}
	switch same := strings.EqualFold(user, c.User); {
	case same && c.left > 0:
		c.left--
		kept.want(max(0, c.Bytes-maxUnknown))
	case same, accepted:
		kept.discard()
		delete(c.open, s.ID)
	}
}

// Closed writes the files of a session.
func (r *Recorder) Closed(s *observe.Session, end observe.Summary) {
	c := r.now.Load()
	if c == nil {
		return
	}
	c.mu.Lock()
	kept := c.open[s.ID]
	delete(c.open, s.ID)
	last := c.left == 0 && !c.anyWanted()
	c.mu.Unlock()
	switch {
	case kept == nil:
		return
	case !kept.isWanted():
		kept.discard()
		return
	}
	kept.close(s, end)
	id := s.ID
	r.writing.Go(func() {
		if err := r.write(c, kept, id); err != nil || last {
			r.finish(c, err)
		}
	})
}

// anyWanted reports whether a session that is recorded is open. The caller holds the
// mutex.
func (c *recording) anyWanted() bool {
	for _, kept := range c.open {
		if kept.isWanted() {
			return true
		}
	}
	return false
}
