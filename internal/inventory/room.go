package inventory

import (
	"bytes"
	"cmp"
	"errors"
	"math"
	"slices"
	"time"

	"go.etcd.io/bbolt"
)

// perGroup bounds the entries of one group of a class.
var perGroup = map[class]int{
	failures:  32,
	anonymous: 128,
	senders:   256, // each of its own address
	users:     256, // who move about
}

// bounds say how many entries are kept.
type bounds struct {
	failed int           // handshakes that have failed; they have a share of their own
	others int           // all else
	group  map[class]int // of one user or network
}

// bounds follow from the number of entries in all. One group has a twentieth of
// all at most.
func (o Options) bounds() bounds {
	b := bounds{failed: o.Entries / 20, group: map[class]int{}}
	b.others = o.Entries - b.failed
	for _, c := range classes {
		b.group[c] = max(1, min(perGroup[c], o.Entries/20))
	}
	return b
}

// sizes count the entries of each class.
type sizes map[class]int

func sizeKey(c class) []byte { return []byte("size-" + string(rune(c))) }

// readSizes reads them. They are kept beside the entries, as counting would
// read the whole file. A damaged number is one that is too large.
func readSizes(meta *bbolt.Bucket) sizes {
	s := sizes{}
	for _, c := range classes {
		s[c] = int(min(readNumber(meta.Get(sizeKey(c))), math.MaxInt32/4))
	}
	return s
}

func (s sizes) write(meta *bbolt.Bucket) (err error) {
	for _, c := range classes {
		err = errors.Join(err, meta.Put(sizeKey(c), number(uint64(max(s[c], 0)))))
	}
	return err
}

func (s sizes) others() int { return s[anonymous] + s[senders] + s[users] }

// room makes room for entries within a transaction.
type room struct {
	bounds
	entries   *bbolt.Bucket
	sizes     sizes
	oldest    time.Time // what was last seen before it is too old
	forgotten uint64
}

// add joins entries with those that are there.
func (r *room) add(batch map[Key]Value) error {
	for k, v := range batch {
		key, err := storedKey(k)
		if err != nil {
			return err
		}
		if old, err := readEntry(key, r.entries.Get(key)); err == nil {
			old.join(v)
			v = old.Value
		} else if err := r.admit(k); err != nil {
			return err
		}
		value, err := v.stored()
		if err != nil {
			return err
		}
		if err := r.entries.Put(key, value); err != nil {
			return err
		}
	}
	return nil
}

// admit counts a new entry. If its group is full, the entry of the group that
// has been seen least often goes, and of those the oldest.
func (r *room) admit(k Key) error {
	c, group := classOf(k), r.list(groupKey(k))
	r.sizes[c]++
	if len(group) < r.group[c] {
		return nil
	}
	return r.remove(c, slices.MinFunc(group, bySeen))
}

// stored is what is read of an entry to decide whether it stays.
type stored struct {
	seen
	key  []byte
	rank int // how many entries of the same wide group have been seen more often
}

// bySeen puts those first that have been seen least often, and of those the
// oldest.
func bySeen(a, b stored) int {
	return cmp.Or(cmp.Compare(a.count, b.count), cmp.Compare(a.last, b.last), bytes.Compare(a.key, b.key))
}

// list reads the entries whose keys begin with a prefix.
func (r *room) list(prefix []byte) (all []stored) {
	cursor := r.entries.Cursor()
	for key, value := cursor.Seek(prefix); bytes.HasPrefix(key, prefix); key, value = cursor.Next() {
		all = append(all, stored{seen: readSeen(value), key: slices.Clone(key)})
	}
	return all
}

func (r *room) remove(c class, s stored) error {
	r.sizes[c]--
	if c != failures && s.last >= r.oldest.Unix() {
		r.forgotten += s.count
	}
	return r.entries.Delete(s.key)
}

// trim removes what is too old, if it is time to, and what is too much.
//
// Failed handshakes make room for failed ones alone. Of the rest, users stay
// longest, so that sessions without a login cannot displace them; those and senders of
// plaintext make room for each other, whichever are more.
func (r *room) trim(sweep bool) error {
	if sweep {
		for _, c := range classes {
			if err := r.expire(c); err != nil {
				return err
			}
		}
	}
	// Some more than must go does, so that it is not soon done again.
	if r.sizes[failures] > r.failed {
		if err := r.shrink(failures, r.failed-r.failed/10); err != nil {
			return err
		}
	}
	if r.sizes.others() <= r.others {
		return nil
	}
	for _, c := range classes {
		r.sizes[c] = r.count(c)
	}
	return r.shrinkOthers(r.others - r.others/50)
}

// count counts the entries of a class.
func (r *room) count(c class) (n int) {
	prefix, cursor := []byte{byte(c)}, r.entries.Cursor()
	for key, _ := cursor.Seek(prefix); bytes.HasPrefix(key, prefix); key, _ = cursor.Next() {
		n++
	}
	return n
}

// shrinkOthers removes all that is above a number of entries that have not
// failed.
func (r *room) shrinkOthers(left int) error {
	surplus := r.sizes.others() - left
	a, b := r.sizes[anonymous], r.sizes[senders]
	for _, part := range []struct {
		c    class
		keep int
	}{
		{anonymous, min(a, max((a+b-surplus)/2, a-surplus, 0))},
		{senders, min(b, max((a+b-surplus)/2, b-surplus, 0))},
	} {
		if err := r.shrink(part.c, part.keep); err != nil {
			return err
		}
	}
	return r.shrink(users, left-r.sizes[anonymous]-r.sizes[senders])
}

// expire removes what is too old, or cannot be read.
func (r *room) expire(c class) error {
	all := r.list([]byte{byte(c)})
	r.sizes[c] = len(all)
	for _, s := range all {
		if s.last >= r.oldest.Unix() {
			continue
		}
		if err := r.remove(c, s); err != nil {
			return err
		}
	}
	return nil
}

// shrink removes entries of a class until as many are left as there may be.
// Those with the most entries give first, each what has been seen least often:
// so a wide network full of clients displaces itself.
func (r *room) shrink(c class, left int) error {
	if r.sizes[c] <= left {
		return nil
	}
	all := r.list([]byte{byte(c)})
	r.sizes[c] = len(all)
	rankByWide(c, all)
	slices.SortFunc(all, func(a, b stored) int { return cmp.Or(cmp.Compare(b.rank, a.rank), bySeen(a, b)) })
	for _, s := range all[:min(max(len(all)-left, 0), len(all))] {
		if err := r.remove(c, s); err != nil {
			return err
		}
	}
	return nil
}

// rankByWide ranks entries within their wide groups.
func rankByWide(c class, all []stored) {
	slices.SortFunc(all, func(a, b stored) int { return bySeen(b, a) })
	ranks := map[string]int{}
	for i, s := range all {
		group, _, _ := bytes.Cut(s.key[1:], endOfGroup)
		wide := wideOf(c, string(group))
		all[i].rank = ranks[wide]
		ranks[wide]++
	}
}
