package cluster

import (
	"fmt"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
)

// A set holds many values, which the store can neither read nor exchange.
func TestHash(t *testing.T) {
	server := miniredis.RunT(t)
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
