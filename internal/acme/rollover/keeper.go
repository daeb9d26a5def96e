package rollover

import (
	"context"
	"crypto"
	"log/slog"
	"slices"
	"sync"
	"time"

	"golang.org/x/crypto/acme/autocert"

	"github.com/letterlock/letterlock/internal/acme"
	"github.com/letterlock/letterlock/internal/dnsupdate"
	"github.com/letterlock/letterlock/tlspolicy/dane"
)

// DNS reads and changes TLSA records; dnsupdate.Client does.
type DNS interface {
	TLSA(ctx context.Context, name string) (dnsupdate.TLSA, error)
	AddTLSA(ctx context.Context, at dnsupdate.TLSA, records []dane.TLSA, ttl time.Duration) error
	RemoveTLSA(ctx context.Context, at dnsupdate.TLSA, records []dane.TLSA) error
}

// Certificate is a certificate, and those of its hosts that have TLSA records.
type Certificate struct {
	acme.Planned
	Hosts []string
}

// Options configure a Keeper.
type Options struct {
	// Store has the certificates, and gets the states and the next keys. If it is an
	// acme.Locker, one instance at a time makes a check, and stores its result while it
	// holds the lock.
	Store        autocert.Cache
	Certificates []Certificate
	Ports        []int

	DNS    DNS
	ByHand bool          // the administrator changes DNS
	TTL    time.Duration // of the first records of a name

	// Now is the clock of the states. Instances that share a state share the clock, because
	// a state measures how long all servers have had a record. Nil: the machine's clock.
	Now func() time.Time

	// Grace is how much longer the record of an old key stays: other instances may
	// serve the old certificate for that time.
	Grace time.Duration
	Log   *slog.Logger
}

// Keeper rolls the keys of certificates over. It is an acme.KeyPlan.
type Keeper struct {
	o       Options
	entries []*entry

	life    context.Context
	end     context.CancelFunc
	wake    chan struct{}
	running sync.WaitGroup

	mu sync.Mutex // protects the fields of entries below checked
}

// entry is a certificate, and what the last check has found.
type entry struct {
	Certificate
	checking sync.Mutex // held during a check
	tried    map[string]attempt
	replaced time.Time // when adding a record was found to have removed another
	refusal  error     // of the last change; nil: it was accepted

	checked bool
	state   state
	seen    view
	fault   error     // of the last check; nil: the step's condition can come true by itself
	usable  bool      // the next key may be used
	due     time.Time // the next check
	polls   int       // checks in this step
	faults  int       // checks in a row with a fault
	warned  time.Time // when a fault was last logged
}

const (
	checkTime  = 5 * time.Minute
	firstPoll  = time.Second
	checkEvery = 10 * time.Minute // while a step lasts
	readyEvery = time.Hour
	warnEvery  = 24 * time.Hour // between two log lines about a fault
)

// New returns a Keeper. Certificates without hosts keep their keys.
func New(o Options) *Keeper {
	if o.Now == nil {
		o.Now = time.Now
	}
	k := &Keeper{o: o, wake: make(chan struct{}, 1)}
	k.life, k.end = context.WithCancel(context.Background())
	for _, c := range o.Certificates {
		if len(c.Hosts) > 0 {
			k.entries = append(k.entries, &entry{Certificate: c, tried: map[string]attempt{}})
		}
	}
	return k
}

// Serve starts the checks.
func (k *Keeper) Serve() { k.running.Go(k.run) }

// Close ends them.
func (k *Keeper) Close() {
	k.end()
	k.running.Wait()
}

// Wake makes the checks at once, as after a certificate has changed.
func (k *Keeper) Wake() {
	select {
	case k.wake <- struct{}{}:
	default:
	}
}

func (k *Keeper) run() {
	all := true
	for {
		next := time.Now().Add(readyEvery)
		for _, e := range k.entries {
			if all || !time.Now().Before(k.dueOf(e)) {
				k.check(k.life, e)
			}
			if due := k.dueOf(e); due.Before(next) {
				next = due
			}
		}
		timer := time.NewTimer(time.Until(next))
		select {
		case <-timer.C:
			all = false
		case <-k.wake:
			all = true
		case <-k.life.Done():
			timer.Stop()
			return
		}
		timer.Stop()
	}
}

func (k *Keeper) dueOf(e *entry) time.Time {
	k.mu.Lock()
	defer k.mu.Unlock()
	return e.due
}

// Next checks DNS again, and returns the next key if its record is everywhere.
func (k *Keeper) Next(ctx context.Context, name string) crypto.Signer {
	e := k.find(name)
	if e == nil {
		return nil
	}
	k.check(ctx, e)
	k.mu.Lock()
	defer k.mu.Unlock()
	if !e.usable || ctx.Err() != nil {
		return nil
	}
	key, err := acme.ParseKey([]byte(e.state.NextKey))
	if err != nil || !e.Key.Fits(key.Public()) || recordOf(key.Public()) != e.state.Next {
		return nil
	}
	return key
}

// Waits reports whether DNS has records of certificates for the hosts of this one, or
// may have them, while its own next key must not be used yet.
func (k *Keeper) Waits(name string) bool {
	e := k.find(name)
	if e == nil {
		return false
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if e.usable {
		return false
	}
	return !e.checked || e.seen == nil || slices.ContainsFunc(e.seen, func(n named) bool { return n.err != nil || k.inEffect(n) })
}

func (k *Keeper) find(name string) *entry {
	for _, e := range k.entries {
		if e.Name == name {
			return e
		}
	}
	return nil
}

// inEffect reports whether a server has the record of the key of a certificate.
func (k *Keeper) inEffect(n named) bool {
	return slices.ContainsFunc(k.entries, func(e *entry) bool { return e.state.Current != "" && n.count(e.state.Current, true) > 0 })
}
