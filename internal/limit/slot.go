package limit

import (
	"container/list"
	"net/netip"
	"time"
)

// Class is the progress of a session.
type Class uint8

// The classes. An authenticated session is never evicted.
const (
	Unauthenticated Class = iota // not logged in; on smtp no recipient is accepted
	Working                      // not logged in, but the backend has accepted a recipient
	Authenticated                // logged in

	classes = int(Authenticated) // number of classes that can be evicted
)

// The scopes in which a slot counts.
const (
	ofAll = iota
	ofNetwork
	ofClient

	levels
)

// Slot is the slot of one session. Its methods may be called from any
// goroutine.
type Slot struct {
	slots  *Slots
	client netip.Addr // invalid: not known yet

	// The mutex of slots guards the following fields.
	service  int16
	class    Class
	pinned   bool // must not be evicted at this time
	evicted  bool
	gone     bool
	waits    bool           // until another session is gone
	tally    [levels]*tally // in which the slot counts; nil: not counted
	eviction *eviction      // nil once the session has logged in
}

// eviction holds what is needed to evict a session.
type eviction struct {
	since     time.Time // start of the session, or the backend's decision on its last message
	progress  time.Time // last progress of a working session; zero: none since it became working
	moved     int64     // the result of received at that time
	received  func() int64
	evict     func()
	listed    [levels]*list.Element
	successor *Slot  // takes the slot over when the session is gone
	start     func() // called when the slot is free
}

// Start calls f when the slot is free: at once, or when the evicted session has
// ended. evict makes this session end when it is evicted itself, and must not block.
// received returns the number of bytes that the client has sent.
func (s *Slot) Start(f, evict func(), received func() int64) {
	s.slots.mu.Lock()
	s.eviction.evict, s.eviction.received = evict, received
	evicted := s.evicted
	if s.waits {
		s.eviction.start, f = f, nil
	}
	s.slots.mu.Unlock()
	if evicted {
		evict()
	}
	if f != nil {
		f()
	}
}

// SetClass moves the session to a class. A pinned session cannot be evicted:
// the backend's verdict on its message is due. SetClass returns false if the
// session has been evicted already; the session must then end.
func (s *Slot) SetClass(class Class, pinned bool, now time.Time) bool {
	s.slots.mu.Lock()
	defer s.slots.mu.Unlock()
	switch {
	case s.evicted || s.gone:
		return false
	case s.class == class && s.pinned == pinned:
		return true
	case s.waits: // the slot is not counted yet
		s.class, s.pinned = class, pinned
		return true
	}
	s.unlist()
	s.count(-1)
	if class == Working && s.eviction != nil && s.eviction.progress.IsZero() {
		s.eviction.progress = now
	}
	s.class, s.pinned = class, pinned
	s.count(1)
	if class == Authenticated {
		s.eviction = nil
	}
	s.list()
	return true
}

// Renew restarts the session's age: the backend has decided on a message.
func (s *Slot) Renew(now time.Time) {
	s.slots.mu.Lock()
	defer s.slots.mu.Unlock()
	if s.eviction == nil {
		return
	}
	s.unlist()
	s.eviction.since, s.eviction.progress = now, time.Time{}
	if s.class == Working {
		s.eviction.progress = now
	}
	if !s.evicted && !s.gone {
		s.list()
	}
}

// Evicted reports whether the session must end because it was evicted.
func (s *Slot) Evicted() bool {
	s.slots.mu.Lock()
	defer s.slots.mu.Unlock()
	return s.evicted
}

// Leave returns the slot. The session calls it once, when it holds nothing any
// more.
func (s *Slot) Leave() {
	if start := s.slots.leave(s); start != nil {
		start()
	}
}

// count adds the slot to its tallies, or takes it out.
func (s *Slot) count(n int) {
	for _, t := range s.tally {
		if t == nil {
			continue
		}
		t.used += n
		if s.class == Unauthenticated {
			t.unauthenticated += n
		}
	}
	s.slots.classes[s.class] += n
	s.slots.listOverShare(s.tally[ofClient])
}

// list adds the slot to those that can be evicted, in the order of their age.
func (s *Slot) list() {
	if s.pinned || s.waits || s.eviction == nil || s.class == Authenticated {
		return
	}
	for level, t := range s.tally {
		if t != nil {
			s.eviction.listed[level] = insert(&t.waiting[s.class], s)
		}
	}
}

func (s *Slot) unlist() {
	if s.eviction == nil {
		return
	}
	for level, e := range s.eviction.listed {
		if e != nil {
			s.tally[level].waiting[s.class].Remove(e)
			s.eviction.listed[level] = nil
		}
	}
}

// age returns the time that the slot's class counts from.
func (s *Slot) age() time.Time {
	if s.class == Working {
		return s.eviction.progress
	}
	return s.eviction.since
}

// Usage is the number of slots in use, by class.
type Usage [classes + 1]int

// All returns the number of slots in use.
func (u Usage) All() (n int) {
	for _, of := range u {
		n += of
	}
	return n
}

// Usage returns the number of slots in use.
func (s *Slots) Usage() Usage {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.classes
}
