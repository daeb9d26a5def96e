package inventory

import (
	"net/netip"
	"testing"
	"time"
)

func sampleEntry(user string, last time.Time, count uint64) Entry {
	return Entry{
		Key:   Key{Kind: Session, Service: "imaps", Listener: ":993", User: user, Network: netip.MustParsePrefix("192.0.2.0/24")},
		Value: Value{Address: netip.MustParseAddr("192.0.2.7"), First: last.Add(-time.Hour), Last: last, Count: count},
	}
}

func TestEntriesAreExchanged(t *testing.T) {
	sent := sampleEntry("alice", time.Unix(1e9, 0), 7)
	data, err := sent.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	var got Entry
	if err := got.UnmarshalBinary(data); err != nil || got.Key != sent.Key || got.Count != 7 || !got.Last.Equal(sent.Last) || !got.First.Equal(sent.First) {
		t.Errorf("%+v, %v", got, err)
	}
	for n := range data {
		_ = got.UnmarshalBinary(data[:n]) // must not panic
	}
	if err := got.UnmarshalBinary([]byte{255, 255, 255, 255, 0}); err == nil {
		t.Error("a damaged entry is accepted")
	}
}

// Entries with one key become one; old ones are left out.
func TestMerge(t *testing.T) {
	now := time.Unix(1e9, 0)
	i := Inventory{Entries: []Entry{sampleEntry("alice", now, 3)}}
	later := sampleEntry("alice", now.Add(-2*time.Hour), 4)
	later.Version = 0x303
	i.Merge([]Entry{later, sampleEntry("bob", now, 1), sampleEntry("carol", now.Add(-48*time.Hour), 1)}, 24*time.Hour, now)
	if len(i.Entries) != 2 {
		t.Fatalf("%+v", i.Entries)
	}
	a := i.Entries[0]
	if a.Count != 7 || !a.Last.Equal(now) || !a.First.Equal(now.Add(-3*time.Hour)) || a.Version != 0 {
		t.Errorf("%+v", a)
	}
}
