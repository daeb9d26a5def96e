package limit

import (
	"container/list"
	"time"
)

const (
	// patience is how many times SlotLimits.Safe a working session may take for
	// each step forward, before it may have to make room.
	patience = 6

	// stepForward is the number of bytes of a message that counts as one.
	stepForward = 64 << 10

	// maxLooks bounds how many sessions one newcomer makes us look at.
	maxLooks = 64

	// maxShrink bounds how many sessions of a client one newcomer ends.
	maxShrink = 16
)

// shrink brings a client with more unauthenticated sessions than its share back
// to it, as far as they are not safe any more.
func (s *Slots) shrink(newcomer *Slot, now time.Time) (evict []func()) {
	t := s.place(ofClient, newcomer.client).tally(newcomer.service)
	for range maxShrink {
		oldest := t.waiting[Unauthenticated].Front()
		if oldest == nil || t.waiting[Unauthenticated].Len() < s.share || now.Sub(oldest.Value.(*Slot).eviction.since) < s.safe {
			break
		}
		evict = append(evict, s.push(oldest.Value.(*Slot)))
	}
	return evict
}

// choose finds the session that makes room for a newcomer to a service:
//
//  1. the oldest unauthenticated session of a client with more than its share,
//  2. the oldest unauthenticated session that is not safe any more,
//  3. the working session that has made no step forward for the longest time,
//     if that is long enough.
//
// It returns nil if there is none.
func (s *Slots) choose(p *place, service int16, c counted, now time.Time) *Slot {
	var useful []*tally
	for _, t := range p.tallies {
		if c.rule.frees(t, service, c.of) {
			useful = append(useful, t)
		}
	}
	if victim := s.ofCrowd(useful); victim != nil {
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
		if !victim.cameOn(now) {
			return victim
		}
	}
	return nil
}

// ofCrowd finds the oldest unauthenticated session of some client that has more
// than its share.
func (s *Slots) ofCrowd(tallies []*tally) *Slot {
	for _, t := range tallies {
		if t.unauthenticated > s.share && t.wider[ofAll] != nil { // the client's own
			if e := t.waiting[Unauthenticated].Front(); e != nil {
				return e.Value.(*Slot)
			}
		}
		looks := 0
		for e := t.crowded.Front(); e != nil && looks < maxLooks; e = e.Next() {
			if first := e.Value.(*tally).waiting[Unauthenticated].Front(); first != nil {
				return first.Value.(*Slot)
			}
			looks++
		}
	}
	return nil
}

// oldest finds the session of a class that comes first.
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

// cameOn reports whether a working session has made a step forward since it was
// last looked at. It then goes behind the others.
func (s *Slot) cameOn(now time.Time) bool {
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

// push tells a session to make room. Its slot is free when it has left.
func (s *Slots) push(victim *Slot) (evict func()) {
	victim.unlist()
	victim.evicted = true
	return victim.eviction.evict
}

// crowd notes in the wider places whether a client has more unauthenticated
// sessions than its share.
func (s *Slots) crowd(t *tally) {
	if t == nil {
		return
	}
	crowded := t.unauthenticated > s.share
	for level, wider := range t.wider {
		switch {
		case wider == nil || crowded == (t.crowd[level] != nil):
		case crowded:
			t.crowd[level] = wider.crowded.PushBack(t)
		default:
			wider.crowded.Remove(t.crowd[level])
			t.crowd[level] = nil
		}
	}
}

// before reports whether a slot is to make room before another.
func (s *Slot) before(other *Slot) bool { return s.age().Before(other.age()) }

// insert keeps a list in the order of age. A new slot belongs at the back, one
// that returns from a transaction without a message near the front.
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
