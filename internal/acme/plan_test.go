package acme

import (
	"bytes"
	"context"
	"crypto"
	"strings"
	"testing"
	"time"

	"github.com/letterlock/letterlock/internal/test/pebble"
	"github.com/letterlock/letterlock/tlspolicy/dane"
)

// fixedPlan is a KeyPlan that the test changes.
type fixedPlan struct {
	next  crypto.Signer
	waits bool
}

func (p *fixedPlan) Next(context.Context, string) crypto.Signer { return p.next }
func (p *fixedPlan) Waits(string) bool                          { return p.waits }

func planned(t *testing.T) (*bench, *fixedPlan) {
	t.Helper()
	p := &fixedPlan{}
	b := newBench(t, Options{HTTP: anyPort, Plan: p})
	b.start(t, pebble.Options{})
	b.serveChallenges()
	return b, p
}

// ordered orders a certificate, and returns the record of its key.
func ordered(t *testing.T, b *bench, e *entry) string {
	t.Helper()
	if err := b.order(e); err != nil {
		t.Fatal(err)
	}
	return dane.Of(b.table.get(e).Leaf).String()
}

// An order uses the next key if the plan has one, and else keeps the key.
func TestOrderUsesTheNextKey(t *testing.T) {
	b, p := planned(t)
	e := b.entry(P256)
	first := ordered(t, b, e)
	if kept := ordered(t, b, e); kept != first {
		t.Error("the key has changed without a plan")
	}
	next, text, err := NewKey(P256)
	if err != nil {
		t.Fatal(err)
	}
	p.next = next
	second := ordered(t, b, e)
	if second == first || !b.table.get(e).PrivateKey.(interface{ Equal(crypto.PrivateKey) bool }).Equal(next) {
		t.Error("the next key was not used")
	}
	stored, err := b.store.get(t.Context(), e.name)
	if err != nil || !bytes.HasPrefix(stored, text) || dane.Of(StoredLeaf(stored)).String() != second {
		t.Errorf("the next key is not stored: %v", err)
	}
	if p.next = nil; ordered(t, b, e) != second {
		t.Error("the key has changed after the rollover")
	}
}

// With records in DNS, a key of another type is used only when the plan has it. Until
// then renewals keep the key, and a first certificate beside another is not ordered.
func TestKeysOfOtherTypesWait(t *testing.T) {
	b, p := planned(t)
	e, rsa := b.entry(P256), b.entry(RSA2048)
	first := ordered(t, b, e)
	p.waits = true
	if due := b.due(rsa); !due.After(time.Now()) {
		t.Error("the first certificate with an RSA key does not wait")
	}
	err := b.order(rsa)
	if words, remedy := b.describe(err, rsa); !strings.Contains(words, "TLSA") || !strings.Contains(remedy, "letterlock tlsa") {
		t.Errorf("%q, %q", words, remedy)
	}
	e.kind = P384
	if due := b.due(e); time.Until(due) < time.Hour {
		t.Errorf("the other type of key is ordered at %s", due)
	}
	if ordered(t, b, e) != first {
		t.Error("the key has changed")
	}
	p.waits = false
	if due := b.due(e); !due.IsZero() {
		t.Errorf("the other type of key is ordered only at %s", due)
	}
	next, _, err := NewKey(P384)
	if err != nil {
		t.Fatal(err)
	}
	p.next = next
	if ordered(t, b, e) == first || !b.due(e).After(time.Now()) {
		t.Error("the next key was not used")
	}
}

func TestParseKey(t *testing.T) {
	for _, kind := range []KeyType{P256, P384, RSA2048} {
		key, text, err := NewKey(kind)
		if err != nil {
			t.Fatal(err)
		}
		got, err := ParseKey(text)
		if err != nil || !kind.Fits(got.Public()) || !key.(interface{ Equal(crypto.PrivateKey) bool }).Equal(got) {
			t.Errorf("%s: %v", kind, err)
		}
	}
	for _, text := range []string{"", "key", "-----BEGIN EC PRIVATE KEY-----\nc2VjcmV0\n-----END EC PRIVATE KEY-----\n"} {
		if _, err := ParseKey([]byte(text)); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: %v", text, err)
		}
		if StoredLeaf([]byte(text)) != nil {
			t.Errorf("%q: a certificate", text)
		}
	}
}
