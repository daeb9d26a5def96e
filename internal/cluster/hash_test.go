package cluster

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2/server"

	"github.com/letterlock/letterlock/internal/test/redis"
)

// A set holds many values, which the store can neither read nor exchange.
func TestHash(t *testing.T) {
	server := redis.Run(t)
	one, two := join(t, options("one", server.Addr())), join(t, options("two", server.Addr()))
	name := Name{"inventory", "one"}
	values := map[string][]byte{}
	for i := range 1000 {
		values[fmt.Sprint("id", i)] = fmt.Append(nil, "value ", i)
	}
	if err := one.Hash(name).Set(t.Context(), values, nil, time.Hour); err != nil {
		t.Fatal(err)
	}
	if err := one.Hash(name).Set(t.Context(), nil, []string{"id7", "unknown"}, time.Hour); err != nil {
		t.Fatal(err)
	}
	all := func(most int) map[string]bool {
		seen := map[string]bool{}
		if err := two.Hash(name).Each(t.Context(), most, func(value []byte) { seen[string(value)] = true }); err != nil {
			t.Fatal(err)
		}
		return seen
	}
	if seen := all(10_000); len(seen) != 999 || seen["value 7"] || !seen["value 8"] {
		t.Errorf("%d values", len(seen))
	}
	if n, err := two.Hash(name).Len(t.Context()); err != nil || n != 999 {
		t.Errorf("%d values, %v", n, err)
	}
	hash := two.Hash(name)
	a, b := hash.field("id1"), hash.field("id2")
	textA, textB := server.HGet(hash.key, a), server.HGet(hash.key, b)
	server.HSet(hash.key, a, textB, b, textA)
	if seen := all(10_000); len(seen) != 997 || seen["value 1"] {
		t.Errorf("%d values after two were exchanged", len(seen))
	}
}

// A store cannot keep an instance busy with replies without values.
func TestH17_AHashWithoutEnd(t *testing.T) {
	store := redis.Run(t)
	one := join(t, options("one", store.Addr()))
	var scans atomic.Int64
	store.Server().SetPreHook(func(c *server.Peer, command string, _ ...string) bool {
		if command != "HSCAN" {
			return false
		}
		next := "7"
		if scans.Add(1) == 1000 { // an end nevertheless
			next = "0"
		}
		c.WriteLen(2)
		c.WriteBulk(next)
		c.WriteLen(0)
		return true
	})
	err := one.Hash(Name{"inventory", "one"}).Each(t.Context(), 100, func([]byte) { t.Error("a value") })
	if n := scans.Load(); err != nil || n != 100 {
		t.Errorf("%d commands, %v", n, err)
	}
}
