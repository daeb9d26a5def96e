package cluster

import (
	"context"
	"time"

	"github.com/gomodule/redigo/redis"
)

// Hash is a large set of values under one name. It is for work outside of sessions.
type Hash struct {
	store *Store
	name  Name
	key   string // in the store
}

// Hash returns the set of a name.
func (s *Store) Hash(n Name) *Hash {
	return &Hash{s, n, s.sealer.key(Name{n.Kind, "hash " + n.ID})}
}

// value returns the name of a value of the set, and its field in the store. The value is
// bound to the field, so that the store cannot exchange two.
func (h *Hash) value(field string) Name { return Name{h.name.Kind, h.name.ID + "/" + field} }

// field returns the field of a value's id, which the store cannot read.
func (h *Hash) field(id string) string {
	key := h.store.sealer.key(Name{h.name.Kind, h.name.ID + "/" + id})
	return key[len(key)-32:]
}

// Set writes values, by their ids, and deletes others. The store may forget the set a
// time after the last call.
func (h *Hash) Set(ctx context.Context, values map[string][]byte, deleted []string, life time.Duration) error {
	written, gone := []any{h.key}, []any{h.key}
	for id, value := range values {
		field := h.field(id)
		sealed, err := h.store.sealer.seal(h.value(field), value)
		if err != nil {
			return err
		}
		written = append(written, field, sealed)
	}
	for _, id := range deleted {
		gone = append(gone, h.field(id))
	}
	return h.store.do(ctx, func(ctx context.Context, conn redis.Conn) error {
		if len(values) > 0 {
			if _, err := redis.DoContext(conn, ctx, "HSET", written...); err != nil {
				return err
			}
		}
		if len(deleted) > 0 {
			if _, err := redis.DoContext(conn, ctx, "HDEL", gone...); err != nil {
				return err
			}
		}
		_, err := redis.DoContext(conn, ctx, "PEXPIRE", h.key, life.Milliseconds())
		return err
	})
}

// Len returns the number of values.
func (h *Hash) Len(ctx context.Context) (n int, err error) {
	err = h.store.do(ctx, func(ctx context.Context, conn redis.Conn) error {
		n, err = redis.Int(redis.DoContext(conn, ctx, "HLEN", h.key))
		return err
	})
	return n, err
}

// scanCount is the number of values that one command asks for.
const scanCount = 200

// Each calls f with every value. A value that is changed meanwhile may be missing or come
// twice. Each ends after most values. A reply without values counts as one: a hostile store
// could send such replies without end.
func (h *Hash) Each(ctx context.Context, most int, f func(value []byte)) error {
	cursor := "0"
	for n := 0; n < most; {
		next, pairs, err := h.scan(ctx, cursor)
		if err != nil {
			return err
		}
		cursor = next
		n += max(1, len(pairs)/2)
		for i := 0; i+1 < len(pairs); i += 2 {
			if value := h.store.unseal(h.value(string(pairs[i])), pairs[i+1]); value != nil {
				f(value)
			}
		}
		if cursor == "0" {
			break
		}
	}
	return nil
}

// scan reads some fields and their values.
func (h *Hash) scan(ctx context.Context, cursor string) (next string, pairs [][]byte, err error) {
	err = h.store.do(ctx, func(ctx context.Context, conn redis.Conn) error {
		reply, err := redis.Values(redis.DoContext(conn, ctx, "HSCAN", h.key, cursor, "COUNT", scanCount))
		if err != nil {
			return err
		}
		if len(reply) != 2 {
			return errReply
		}
		if next, err = redis.String(reply[0], nil); err != nil {
			return err
		}
		pairs, err = redis.ByteSlices(reply[1], nil)
		return err
	})
	return next, pairs, err
}
