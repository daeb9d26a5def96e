package limit

import (
	"container/list"
	"time"
)

const (
	// patience, times SlotLimits.Safe, is the time without progress after
	// which a working session can be evicted.
	patience = 6

	// stepForward is the number of a message's bytes that counts as progress.
	stepForward = 64 << 10

	// maxLooks bounds the sessions that are examined for one new session.
	maxLooks = 64

	// maxShrink bounds the sessions of a client that are evicted for one new session.
	maxShrink = 16
)

// shrink evicts the oldest unauthenticated sessions of a client that has more than its
// share, if they are older than Safe.
func (s *Slots) shrink(newcomer *Slot, now time.Time) (evict []func()) {
	t := s.scope(ofClient, newcomer.client).tally(newcomer.service)
	for range maxShrink {
		oldest := t.waiting[Unauthenticated].Front()
		if oldest == nil || t.waiting[Unauthenticated].Len() < s.share || now.Sub(oldest.Value.(*Slot).eviction.since) < s.safe {
			break
		}
		evict = append(evict, s.markEvicted(oldest.Value.(*Slot)))
	}
	return evict
}

// choose returns the session to evict in a scope for a new session of a service:
//
//  1. the oldest unauthenticated session of a client with more than its share,
//  2. the oldest unauthenticated session, if it is older than Safe,
//  3. the working session whose last progress is the oldest, if that is long ago.
//
// It returns nil if there is none.
func (s *Slots) choose(p *scope, service int16, c counted, now time.Time) *Slot {
	var useful []*tally
	for _, t := range p.tallies {
		if c.rule.frees(t, service, c.of) {
			useful = append(useful, t)
		}
	}
	if victim := s.overShare(useful); victim != nil {
		return victim
	}
	if victim := oldest(useful, Unauthenticated); victim != nil && now.Sub(victim.eviction.since) >= s.safe {
		return victim
	}
	for range maxLooks {
		victim := oldest(useful, Working)
		if victim == nil || now.Sub(victim.eviction.progress) < patience*s.safe {
			return nil
		}
		if !victim.advanced(now) {
			return victim
		}
	}
	return nil
}

// overShare returns the oldest unauthenticated session of a client with more than its
// share.
func (s *Slots) overShare(tallies []*tally) *Slot {
	for _, t := range tallies {
		if t.unauthenticated > s.share && t.wider[ofAll] != nil { // a client's tally
			if e := t.waiting[Unauthenticated].Front(); e != nil {
				return e.Value.(*Slot)
			}
		}
		looks := 0
		for e := t.overShare.Front(); e != nil && looks < maxLooks; e = e.Next() {
			if first := e.Value.(*tally).waiting[Unauthenticated].Front(); first != nil {
				return first.Value.(*Slot)
			}
			looks++
		}
	}
	return nil
}

// oldest returns the oldest session of a class.
func oldest(tallies []*tally, class Class) (first *Slot) {
	for _, t := range tallies {
		e := t.waiting[class].Front()
		if e == nil {
			continue
		}
		if slot := e.Value.(*Slot); first == nil || slot.age().Before(first.age()) {
			first = slot
		}
	}
	return first
}

// advanced reports whether a working session has made progress since the last
// call. If so, the session moves to the end of the list.
func (s *Slot) advanced(now time.Time) bool {
	if s.eviction.received == nil {
		return false
	}
	moved := s.eviction.received()
	if moved-s.eviction.moved < stepForward {
		return false
	}
	s.unlist()
	s.eviction.moved, s.eviction.progress = moved, now
	s.list()
	return true
}

// markEvicted marks a session as evicted, and returns the function that ends it. Its slot is
// free when the session has left.
func (s *Slots) markEvicted(victim *Slot) (evict func()) {
	victim.unlist()
	victim.evicted = true
	return victim.eviction.evict
}

// listOverShare updates the lists of clients with more unauthenticated sessions
// than their share, in the scopes wider than a client's.
func (s *Slots) listOverShare(t *tally) {
	if t == nil {
		return
	}
	over := t.unauthenticated > s.share
	for level, wider := range t.wider {
		switch {
		case wider == nil || over == (t.overShareIn[level] != nil):
		case over:
			t.overShareIn[level] = wider.overShare.PushBack(t)
		default:
			wider.overShare.Remove(t.overShareIn[level])
			t.overShareIn[level] = nil
		}
	}
}

// before reports whether slot s is evicted before the other.
func (s *Slot) before(other *Slot) bool { return s.age().Before(other.age()) }

// insert inserts a slot in the order of age. A new slot belongs at the back; the slot
// of a session whose transaction ended without a message belongs near the front.
func insert(l *list.List, s *Slot) *list.Element {
	if back := l.Back(); back == nil || !s.before(back.Value.(*Slot)) {
		return l.PushBack(s)
	}
	for e := l.Front(); e != nil; e = e.Next() {
		if s.before(e.Value.(*Slot)) {
			return l.InsertBefore(s, e)
		}
	}
	return l.PushBack(s)
}
