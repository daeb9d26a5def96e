package acme

import (
	"crypto"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// moments are those of an order at which something can happen: when the instance has the
// lock, the requests to the CA by their paths, and before it shares the order and the
// certificate.
var moments = []string{"lock", "/sign-me-up", "/order-plz", "share", "/authZ/", "/chalZ/", "/finalize-order/", "/certZ/", "publish"}

// happens lets something happen at a moment of the first instance's order.
func (f *fleet) happens(moment string, do func()) {
	once := sync.OnceFunc(do)
	switch moment {
	case "lock":
		f.members[0].locked = once
	case "share", "publish":
		f.members[0].writes = func(name string) {
			if (name == mail) == (moment == "publish") {
				once()
			}
		}
	default:
		f.at(moment, once)
	}
}

// faults damage the shared state, each in one way.
var faults = map[string]func(*board){
	"away for a moment": func(b *board) {
		b.pull(true)
		time.AfterFunc(20*time.Second, func() { b.pull(false) })
	},
	"away for longer than a lock lives": func(b *board) {
		b.pull(true)
		time.AfterFunc(90*time.Second, func() {
			b.expire()
			b.pull(false)
		})
	},
	"full": func(b *board) {
		b.fill(true)
		time.AfterFunc(20*time.Second, func() { b.fill(false) })
	},
}

// The shared state is cut off, or full, at each moment of an order. There is one order, and
// all instances serve its certificate.
func TestTheStateFailsDuringAnOrder(t *testing.T) {
	t.Parallel()
	ca := newCA(t)
	for name, fault := range faults {
		for _, moment := range moments {
			t.Run(strings.Trim(moment, "/")+" "+name, func(t *testing.T) {
				withFleet(t, ca, 0, func(t *testing.T, f *fleet) {
					f.happens(moment, func() { fault(f.board) })
					f.serve()
					f.pass(t, 4*time.Minute)
					f.wantOrders(t, 1, 1)
				})
			})
		}
	}
}

// The instance that orders dies at each moment. Another one continues its order: the CA
// issues one certificate, with the key that all have agreed on. A second order begins only
// if the instance dies before it has the URL of the first one and has shared it.
func TestTheHolderOfTheLockDies(t *testing.T) {
	t.Parallel()
	ca := newCA(t)
	for _, moment := range moments {
		t.Run(strings.Trim(moment, "/"), func(t *testing.T) {
			withFleet(t, ca, 0, func(t *testing.T, f *fleet) {
				var agreed []byte
				f.happens(moment, func() {
					agreed = f.board.entry(mail + keySuffix)
					f.members[0].dead.Store(true)
					f.keepers[0].end()
				})
				f.serve()
				key := f.pass(t, 3*time.Minute, f.keepers[1:]...)
				most := int32(1)
				if moment == "/order-plz" || moment == "share" {
					most = 2
				}
				f.wantOrders(t, 1, most)
				if n := f.issued.Load(); n != 1 {
					t.Errorf("%d certificates", n)
				}
				if k := parseKey(agreed); k != nil && !k.Public().(interface{ Equal(crypto.PublicKey) bool }).Equal(key) {
					t.Error("the instances have not kept to the key")
				}
			})
		})
	}
}

// An instance loses the lock while it orders, perhaps with everything that is shared, and
// another one may order too. All serve one certificate in the end, and stay with it.
func TestTheLockIsLost(t *testing.T) {
	t.Parallel()
	ca := newCA(t)
	for i, moment := range slices.Concat(moments, moments) {
		t.Run(strings.Trim(moment, "/"), func(t *testing.T) {
			withFleet(t, ca, 0, func(t *testing.T, f *fleet) {
				lose := f.board.expire
				if i >= len(moments) {
					lose = f.board.wipe
				}
				f.happens(moment, lose)
				f.serve()
				f.pass(t, time.Minute)
				f.wantOrders(t, 1, 2)
				changes := f.changes[0].Load()
				f.pass(t, 10*time.Minute)
				if f.changes[0].Load() != changes {
					t.Error("the certificate changes again")
				}
			})
		})
	}
}
