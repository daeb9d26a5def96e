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

// perGroup is the maximum number of entries of a group, by class.
var perGroup = map[class]int{
	failures:  32,
	anonymous: 128,
	senders:   256, // senders have an entry for each address
	users:     256, // users connect from many networks
}

// bounds are the maximum numbers of entries.
type bounds struct {
	failed int           // failed handshakes, which have a separate share
	others int           // all other entries
	group  map[class]int // one user's or network's
}

// bounds computes the bounds from the number of entries in all. One group has
// at most a twentieth of all.
func (o Options) bounds() bounds {
	b := bounds{failed: o.Entries / 20, group: map[class]int{}}
	b.others = o.Entries - b.failed
	for _, c := range classes {
		b.group[c] = max(1, min(perGroup[c], o.Entries/20))
	}
	return b
}

// sizes are the numbers of entries by class.
type sizes map[class]int

func sizeKey(c class) []byte { return []byte("size-" + string(rune(c))) }

// readSizes reads the sizes. They are stored, because counting would read the
// whole file. A damaged size counts as too large.
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

// store adds and removes entries within a transaction.
type store struct {
	bounds
	entries   *bbolt.Bucket
	sizes     sizes
	oldest    time.Time // entries that were last seen earlier have expired
	forgotten uint64
	change    Change
}

// add merges entries with the stored ones.
func (r *store) add(batch map[Key]Value) error {
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
		r.change.Written = append(r.change.Written, Entry{k, v})
	}
	return nil
}

// admit counts a new entry. If its group is full, it removes the group's entry
// that has been seen least often, and of those the oldest.
func (r *store) admit(k Key) error {
	c, group := classOf(k), r.list(groupKey(k))
	r.sizes[c]++
	if len(group) < r.group[c] {
		return nil
	}
	return r.remove(c, slices.MinFunc(group, bySeen))
}

// stored is the part of an entry that determines whether it stays.
type stored struct {
	seen
	key  []byte
	rank int // the number of entries of the same wide group that have been seen more often
}

// bySeen sorts entries that have been seen least often first, and of those the
// oldest.
func bySeen(a, b stored) int {
	return cmp.Or(cmp.Compare(a.count, b.count), cmp.Compare(a.last, b.last), bytes.Compare(a.key, b.key))
}

// list reads the entries whose keys begin with a prefix.
func (r *store) list(prefix []byte) (all []stored) {
	cursor := r.entries.Cursor()
	for key, value := cursor.Seek(prefix); bytes.HasPrefix(key, prefix); key, value = cursor.Next() {
		all = append(all, stored{seen: readSeen(value), key: slices.Clone(key)})
	}
	return all
}

func (r *store) remove(c class, s stored) error {
	r.sizes[c]--
	if c != failures && s.last >= r.oldest.Unix() {
		r.forgotten += s.count
	}
	r.change.Removed = append(r.change.Removed, string(s.key))
	return r.entries.Delete(s.key)
}

// trim removes expired entries when a search is due, and entries above the
// bounds.
//
// Failed handshakes displace only failed handshakes. Users displace entries of
// sessions without a login, and never the reverse; sessions without a login and
// senders of plaintext displace each other, the more numerous first.
func (r *store) trim(sweep bool) error {
	if sweep {
		for _, c := range classes {
			if err := r.expire(c); err != nil {
				return err
			}
		}
	}
	// trim removes more entries than necessary, so that it need not run again
	// soon.
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
func (r *store) count(c class) (n int) {
	prefix, cursor := []byte{byte(c)}, r.entries.Cursor()
	for key, _ := cursor.Seek(prefix); bytes.HasPrefix(key, prefix); key, _ = cursor.Next() {
		n++
	}
	return n
}

// shrinkOthers removes entries of sessions and senders above a maximum.
func (r *store) shrinkOthers(left int) error {
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

// expire removes entries that have expired or cannot be read.
func (r *store) expire(c class) error {
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

// shrink removes entries of a class until the given number is left. It takes
// the entries of the wide groups with the most entries first, and of these the
// ones seen least often. So a wide network with many clients displaces its own
// entries.
func (r *store) shrink(c class, left int) error {
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
