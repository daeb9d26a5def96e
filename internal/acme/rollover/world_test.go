package rollover

import (
	"context"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"log/slog"
	"maps"
	"math/big"
	"slices"
	"testing"
	"time"

	"golang.org/x/crypto/acme/autocert"

	"github.com/letterlock/letterlock/internal/acme"
	"github.com/letterlock/letterlock/internal/test/wait"
	"github.com/letterlock/letterlock/tlspolicy/dane"
)

const (
	host = "mail.example.test"
	name = "_25._tcp.mail.example.test."
	day  = 24 * time.Hour
)

// errKilled is the panic of the process that is killed.
var errKilled = errors.New("killed")

// world is a proxy with its store, its CA, its zone, and senders with resolvers that
// keep records for their TTL. Everything is called from one goroutine.
type world struct {
	t      *testing.T
	keeper *Keeper
	more   []*Keeper // of other instances; they take orders in turn
	shared *common   // the store of several instances; nil: there is one
	log    *wait.Log
	kinds  []acme.KeyType
	byHand bool
	ahead  time.Duration // of its clock

	certificates []Certificate

	operations, killAt int // the process is killed at an operation; zero: it is not

	// The disk.
	entries map[string][]byte
	full    bool

	served map[string]*x509.Certificate
	late   map[string]late // by entry
	caDown bool
	rsaOff bool            // the CA gives no certificates with RSA keys
	every  time.Duration   // each sender sends so often
	life   time.Duration   // of certificates, which are renewed after two thirds of it
	keys   map[string]bool // of all certificates
	orders int
	renew  time.Time // certificates from before it are renewed

	newKeys []time.Time // when each key was first used

	// DNS: the versions of the zone, the oldest first. Server i has the newest version
	// that is older than its lag.
	versions []version
	lag      []time.Duration
	down     []bool
	unsigned bool
	expired  bool // the signatures
	lies     bool // the last server has records of others
	refuses  bool
	replaces bool // adding a record removes the others
	ttl      time.Duration

	senders []sender
	refused []string
	sent    int
}

type version struct {
	at      time.Time
	records []dane.TLSA
}

// sender is a mail server with a resolver, which asks one of the servers.
type sender struct {
	server  int
	records []dane.TLSA
	until   time.Time
}

func newWorld(t *testing.T, kinds ...acme.KeyType) *world {
	w := &world{
		t: t, log: &wait.Log{}, kinds: kinds, entries: map[string][]byte{}, served: map[string]*x509.Certificate{}, late: map[string]late{}, keys: map[string]bool{},
		lag: []time.Duration{0, 40 * time.Minute}, down: make([]bool, 2), ttl: time.Hour, life: 90 * day, every: time.Hour, versions: []version{{at: time.Now()}},
	}
	for i := range 2 {
		w.senders = append(w.senders, sender{server: i})
	}
	w.start()
	return w
}

// start starts the process, with the contents of the disk.
func (w *world) start() {
	certificates := []Certificate{}
	for _, p := range acme.Plan([][]string{{host}}, w.kinds) {
		certificates = append(certificates, Certificate{p, []string{host}})
	}
	w.certificates = certificates
	w.keeper, w.more = New(w.options()), nil
	if w.shared != nil {
		w.more = []*Keeper{New(w.options()), New(w.options())}
	}
	for _, e := range w.keeper.entries {
		delete(w.served, e.Name)
		if leaf := acme.StoredLeaf(w.entries[e.Name]); leaf != nil {
			w.served[e.Name] = leaf
		}
	}
}

func (w *world) options() Options {
	o := Options{
		Store: w, Certificates: w.certificates, Ports: []int{25}, DNS: w, ByHand: w.byHand, TTL: w.ttl, Log: slog.New(slog.NewTextHandler(w.log, nil)),
		Now: func() time.Time { return time.Now().Add(w.ahead) },
	}
	if w.shared != nil {
		o.Store, o.Grace = w.shared, 24*time.Hour
	}
	return o
}

// operation counts, and kills the process at the operation to be killed at.
func (w *world) operation() {
	if w.operations++; w.operations == w.killAt {
		panic(errKilled)
	}
}

// live runs a part of the process; if it is killed, it is started again.
func (w *world) live(do func()) {
	defer func() {
		if r := recover(); r != nil {
			if r != errKilled {
				panic(r)
			}
			w.start()
		}
	}()
	do()
}

// pass lets time pass, with work and mail.
func (w *world) pass(d time.Duration) {
	w.t.Helper()
	for end := time.Now().Add(d); time.Now().Before(end); {
		mail := time.Now().Truncate(w.every).Add(w.every)
		next := mail
		for _, k := range w.instances() {
			for _, e := range k.entries {
				if e.due.Before(next) {
					next = e.due
				}
			}
		}
		time.Sleep(max(time.Until(next), 0))
		w.live(w.work)
		if !time.Now().Before(mail) {
			w.send()
		}
	}
}

// work makes the checks and the orders that are due.
func (w *world) work() {
	orderer := w.orders % len(w.instances())
	for i, k := range w.instances() {
		w.workOf(k, i == orderer)
	}
}

func (w *world) workOf(k *Keeper, orders bool) {
	for _, e := range k.entries {
		if !time.Now().Before(e.due) {
			k.check(w.t.Context(), e)
		}
		leaf := w.served[e.Name]
		renewal := leaf == nil || !time.Now().Before(leaf.NotBefore.Add(w.life*2/3)) || leaf.NotBefore.Before(w.renew)
		if !orders || !renewal || w.caDown || w.rsaOff && e.Key == acme.RSA2048 {
			continue
		}
		w.order(k, e, leaf)
	}
}

func (w *world) order(k *Keeper, e *entry, leaf *x509.Certificate) {
	key := k.Next(w.t.Context(), e.Name)
	if key == nil && leaf != nil {
		var err error
		if key, err = acme.ParseKey(w.entries[e.Name]); err != nil {
			w.t.Fatal(err)
		}
	}
	if key == nil && len(w.served) > 0 && k.Waits(e.Name) {
		return
	}
	if key == nil {
		key, _, _ = acme.NewKey(e.Key)
	}
	w.operation()
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{host}, NotBefore: time.Now(), NotAfter: time.Now().Add(w.life)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		w.t.Fatal(err)
	}
	c := tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
	c.Leaf, _ = x509.ParseCertificate(der)
	if len(w.more) > 0 {
		w.late[e.Name] = late{leaf, time.Now().Add(latest)}
	}
	w.served[e.Name] = c.Leaf
	if r := recordOf(c.Leaf.PublicKey); !w.keys[r] {
		w.keys[r] = true
		w.newKeys = append(w.newKeys, time.Now())
	}
	w.orders++
	_ = w.Put(w.t.Context(), e.Name, certificateText(c))
	e.due = time.Time{}
}

// certificateText writes a key and a certificate as the acme package does.
func certificateText(c tls.Certificate) []byte {
	block := &pem.Block{Type: "RSA PRIVATE KEY"}
	switch key := c.PrivateKey.(type) {
	case *ecdsa.PrivateKey:
		block.Type = "EC PRIVATE KEY"
		block.Bytes, _ = x509.MarshalECPrivateKey(key)
	case *rsa.PrivateKey:
		block.Bytes = x509.MarshalPKCS1PrivateKey(key)
	}
	return append(pem.EncodeToMemory(block), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Certificate[0]})...)
}

// The interface autocert.Cache.

func (w *world) Get(_ context.Context, name string) ([]byte, error) {
	w.operation()
	if data, ok := w.entries[name]; ok {
		return data, nil
	}
	return nil, autocert.ErrCacheMiss
}

var errFull = errors.New("no space left on device")

func (w *world) Put(_ context.Context, name string, data []byte) error {
	w.operation()
	if w.full {
		return errFull
	}
	w.entries[name] = data
	w.operation()
	return nil
}

func (w *world) Delete(_ context.Context, name string) error {
	delete(w.entries, name)
	return nil
}

// steps returns the steps of all certificates.
func (w *world) steps() (steps []Step) {
	for _, s := range w.keeper.Status() {
		steps = append(steps, s.Step)
	}
	return steps
}

// inOrder fails the test if mail was refused, or fewer keys were used than wanted.
func (w *world) inOrder(keys int) {
	w.t.Helper()
	if len(w.refused) > 0 {
		w.t.Errorf("refused %d of %d: %s", len(w.refused), w.sent, w.refused[:min(len(w.refused), 5)])
	}
	if len(w.keys) < keys {
		w.t.Errorf("%d keys in %d orders, %s", len(w.keys), w.orders, slices.Collect(maps.Keys(w.keys)))
	}
	if w.t.Failed() {
		w.t.Logf("steps %s\n%s", w.steps(), w.log)
	}
}
