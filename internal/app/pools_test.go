package app

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/letterlock/letterlock/configs"
	"github.com/letterlock/letterlock/internal/test/authority"
	"github.com/letterlock/letterlock/internal/upstream"
)

// A pool is taken over by the next generation if all of it is the same, the
// contents of its files included.
func TestPoolsAreTakenOver(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	authority := func() {
		chain, _ := authority.PEM(t, authority.New(t).ECDSA(t, "b.example.com"))
		if err := os.WriteFile(filepath.Join(folder, "ca.pem"), chain, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	authority()
	const usual = "ca: ca.pem, health: 10s"
	file := filepath.Join(folder, "letterlock.yaml")
	made := func(backend string, before *pools) (*pools, *upstream.Pool) {
		t.Helper()
		text := "hostname: mail.example.com\nbackends: [{name: b, addresses: [10.0.0.5, 10.0.0.6], tls: starttls, " + backend + "}]\nlisteners: [{service: imaps, backend: b}]\n"
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := configs.Load(file)
		if err != nil {
			t.Fatal(err)
		}
		services, err := Resolve(c)
		if err != nil {
			t.Fatal(err)
		}
		p := newPools(c)
		p.before = before
		pool, err := p.get("b", services[0])
		if err != nil {
			t.Fatal(err)
		}
		if again, _ := p.get("b", services[0]); again != pool || len(p.all()) != 1 {
			t.Error("one configuration has two pools of a backend")
		}
		return p, pool
	}
	first, pool := made(usual, nil)
	if _, next := made(usual, first); next != pool {
		t.Error("an unchanged pool was created again")
	}
	for _, change := range []string{"ca: ca.pem, health: 11s", usual + ", server_name: x.example.com", usual + ", balance: client", "health: 10s, verify: false", usual + ", min_version: 1.3"} {
		if _, next := made(change, first); next == pool {
			t.Errorf("%s: the pool was not replaced", change)
		}
	}
	authority()
	if _, next := made(usual, first); next == pool {
		t.Error("another authority: the pool was not replaced")
	}
}

// Two servers are not one whose name is both.
func TestPoolsOfSimilarAddressesAreTwo(t *testing.T) {
	t.Parallel()
	c := &configs.Config{Backends: []configs.Backend{
		{Name: "b", Addresses: []string{"one:1 two:2"}},
		{Name: "b", Addresses: []string{"one:1", "two:2"}},
	}}
	var keys []poolKey
	for _, b := range c.Backends {
		p := newPools(&configs.Config{})
		if _, err := p.get("b", Service{reach: func(string) configs.Backend { return b }}); err != nil {
			t.Fatal(err)
		}
		for key := range p.made {
			keys = append(keys, key)
		}
	}
	if keys[0] == keys[1] {
		t.Error("both have the same key")
	}
}
