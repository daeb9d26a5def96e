package inventory

import (
	"encoding/binary"
	"errors"
	"time"
)

// Change lists the entries that a write has changed in the file.
type Change struct {
	Written []Entry  // with their new values
	Removed []string // the ids of entries, see Entry.ID
}

// ID returns the id of an entry, which is the key that it has in the file.
func (e Entry) ID() (string, error) {
	key, err := storedKey(e.Key)
	return string(key), err
}

// MarshalBinary encodes an entry for another instance.
func (e Entry) MarshalBinary() ([]byte, error) {
	key, err := storedKey(e.Key)
	if err != nil {
		return nil, err
	}
	value, err := e.stored()
	if err != nil {
		return nil, err
	}
	data := binary.BigEndian.AppendUint32(nil, uint32(len(key))) //nolint:gosec // a key has some hundred bytes
	return append(append(data, key...), value...), nil
}

var errEntry = errors.New("an entry of another instance is damaged")

// UnmarshalBinary decodes an entry.
func (e *Entry) UnmarshalBinary(data []byte) error {
	const size = 4
	if len(data) < size {
		return errEntry
	}
	n := int64(binary.BigEndian.Uint32(data))
	if n > int64(len(data)-size) {
		return errEntry
	}
	read, err := readEntry(data[size:size+n], data[size+n:])
	if err != nil {
		return err
	}
	*e = read
	return nil
}

// Merge adds the entries of another instance, but for those older than old at the time
// now.
func (i *Inventory) Merge(entries []Entry, old time.Duration, now time.Time) {
	at := make(map[Key]int, len(i.Entries))
	for n, e := range i.Entries {
		at[e.Key] = n
	}
	for _, e := range entries {
		if now.Sub(e.Last) > old {
			continue
		}
		n, there := at[e.Key]
		if !there {
			at[e.Key] = len(i.Entries)
			i.Entries = append(i.Entries, e)
			continue
		}
		i.Entries[n].Value = joined(i.Entries[n].Value, e.Value)
	}
}

// joined returns two values of one key as one.
func joined(a, b Value) Value {
	if b.Last.Before(a.Last) {
		a, b = b, a
	}
	first := a.First
	if b.First.Before(first) {
		first = b.First
	}
	a.join(b)
	a.First = first
	return a
}
