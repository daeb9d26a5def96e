package certs

import (
	"crypto/tls"
	"testing"
)

// Supplied certificates come last, and survive what is done to the others.
func TestManaged(t *testing.T) {
	h := newHierarchy(t)
	first, second := h.pair(t, h.leaf(t, "mail.example.com")), h.pair(t, h.leaf(t, "mail.example.com"))
	supplied := h.pair(t, h.leaf(t, "imap.example.com"))
	store := NewStore(nil)
	store.SetManaged([]tls.Certificate{supplied})
	if got := store.For("mail.example.com"); len(got) != 1 || !got[0].Leaf.Equal(supplied.Leaf) {
		t.Errorf("%d certificates, when any is better than none", len(got))
	}
	for _, own := range []tls.Certificate{first, second} {
		store.Replace([]tls.Certificate{own})
		if all := store.Certificates(); len(all) != 2 || !all[0].Leaf.Equal(own.Leaf) || !all[1].Leaf.Equal(supplied.Leaf) {
			t.Errorf("%d certificates", len(all))
		}
	}
	for name, want := range map[string]tls.Certificate{"IMAP.example.com.": supplied, "": second, "unknown.example.com": second} {
		if got := store.For(name); len(got) != 1 || !got[0].Leaf.Equal(want.Leaf) {
			t.Errorf("%q: %d certificates", name, len(got))
		}
	}
	store.SetManaged(nil)
	if len(store.Certificates()) != 1 {
		t.Error("what was supplied is still there")
	}
}
