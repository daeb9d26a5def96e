package cluster

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"time"
)

// Member is a process of the cluster.
type Member struct {
	ID       string `json:"id"` // of the process
	Instance string `json:"instance"`
	Version  string `json:"version"`
	Seen     int64  `json:"seen"` // in Unix milliseconds of the store's clock
}

const (
	memberLife = 15 * time.Second // a process that was not seen for so long is gone
	maxMembers = 256
)

// members is the form of the list in the store.
type members struct {
	Version int      `json:"version"`
	Members []Member `json:"members"`
}

const membersVersion = 1

var membersName = Name{"members", ""}

// Members enters this process into the list of the cluster's processes, and returns the
// others that are alive.
func (s *Store) Members(ctx context.Context) (others []Member, err error) {
	now := s.Now().UnixMilli()
	err = s.Update(ctx, membersName, time.Hour, func(value []byte) []byte {
		var list members
		if value != nil && json.Unmarshal(value, &list) == nil && list.Version > membersVersion {
			return nil // of a newer program, which this one must not change
		}
		alive := map[string]Member{}
		for _, m := range list.Members {
			if m.ID != s.id && m.Seen > now-memberLife.Milliseconds() && m.Seen < now+memberLife.Milliseconds() {
				alive[m.ID] = m
			}
		}
		others = slices.SortedFunc(maps.Values(alive), func(a, b Member) int { return int(b.Seen - a.Seen) })
		others = others[:min(len(others), maxMembers-1)]
		own := Member{s.id, s.o.Instance, s.o.Version, now}
		text, err := json.Marshal(members{membersVersion, append(slices.Clone(others), own)})
		if err != nil {
			return nil
		}
		return text
	})
	return others, err
}
