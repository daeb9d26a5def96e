package history

import "net/netip"

// ring holds the last maxEndings endings, in the order of their positions if none was
// replaced by replaceOldest.
type ring struct {
	kept []Ending
	next int // the position that is replaced next, once the ring is full
}

// add adds an ending. If the ring is full, the new ending replaces the oldest, which
// add returns.
func (r *ring) add(e Ending) (lost Ending, full bool) {
	if len(r.kept) < maxEndings {
		r.kept = append(r.kept, e)
		return lost, false
	}
	lost, r.kept[r.next] = r.kept[r.next], e
	r.next = (r.next + 1) % maxEndings
	return lost, true
}

// replaceOldest replaces the oldest ending of the client of e, which must have one. It
// moves no other ending, because a flood of one client comes here.
func (r *ring) replaceOldest(client netip.Addr, e Ending) {
	oldest := -1
	for i := range r.kept {
		if r.kept[i].client == client && (oldest < 0 || r.kept[i].Ended.Before(r.kept[oldest].Ended)) {
			oldest = i
		}
	}
	r.kept[oldest] = e
}
