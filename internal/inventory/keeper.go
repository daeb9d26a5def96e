package inventory

import (
	"net/netip"
	"sync"
	"time"
)

// Options configure a Keeper. All but the last three must be set.
type Options struct {
	File    string
	Entries int           // maximum number
	Age     time.Duration // maximum time since the last session

	// Report is called from the keeper's goroutine with an error of the file,
	// and with nil once the file works again. It may be nil.
	Report func(error)
	Now    func() time.Time // nil: time.Now

	// Changed is called from the keeper's goroutine after each write. It may be nil.
	Changed func(Change)
}

// Keeper writes the inventory. Close ends its goroutine.
type Keeper struct {
	options Options

	mu      sync.Mutex
	pending map[Key]Value
	waiting map[class]int // the number of pending entries by class
	lost    uint64        // records since the last write for which there was no room

	full    chan struct{} // has a value when a write is due
	closing chan struct{}
	closed  chan struct{}

	failing bool      // the last write has failed
	sweep   time.Time // the time of the next search for old entries
}

const (
	flushTime  = time.Second
	flushCount = 1000
	maxPending = 10_000 // while the file cannot be written; about 4 MiB
	maxOfClass = maxPending / 4
	sweepTime  = time.Hour
)

// Keep starts a keeper.
func Keep(o Options) *Keeper {
	if o.Report == nil {
		o.Report = func(error) {}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	k := &Keeper{
		options: o, pending: map[Key]Value{}, waiting: map[class]int{},
		full: make(chan struct{}, 1), closing: make(chan struct{}), closed: make(chan struct{}),
	}
	go k.run()
	return k
}

// Record adds an event of this moment, once or as often as its count says. It
// never waits for the file: while the file cannot be written, records are
// merged, and when there is no room they are counted as lost.
func (k *Keeper) Record(e Entry) {
	e.User, e.Host = tidy(e.User), tidy(e.Host)
	e.Address = e.Address.Unmap().WithZone("")
	e.Network = NetworkOf(e.Address)
	if e.Kind == Plaintext { // servers keep their addresses, unlike users
		e.Network = netip.PrefixFrom(e.Address, e.Address.BitLen())
	}
	e.First, e.Count = k.options.Now(), max(e.Count, 1)
	e.Last = e.First
	k.mu.Lock()
	defer k.mu.Unlock()
	k.put(e.Key, e.Value)
	if len(k.pending) == flushCount {
		select {
		case k.full <- struct{}{}:
		default:
		}
	}
}

// put adds a value to the pending batch. Sessions without a login can fill only
// a part of it.
func (k *Keeper) put(key Key, later Value) {
	c := classOf(key)
	switch v, there := k.pending[key]; {
	case there:
		v.join(later)
		k.pending[key] = v
	case len(k.pending) >= maxPending, c != users && k.waiting[c] >= maxOfClass:
		k.lost += later.Count
	default:
		k.pending[key] = later
		k.waiting[c]++
	}
}

// Close writes the pending entries and ends the keeper.
func (k *Keeper) Close() {
	close(k.closing)
	<-k.closed
}

func (k *Keeper) run() {
	defer close(k.closed)
	tick := time.NewTicker(flushTime)
	defer tick.Stop()
	for {
		select {
		case <-k.closing:
			k.flush()
			return
		case <-k.full:
		case <-tick.C:
		}
		k.flush()
	}
}

// flush writes the pending entries, and puts them back if that fails.
func (k *Keeper) flush() {
	now := k.options.Now()
	batch := k.takeBatch()
	batch.sweep = !now.Before(k.sweep)
	if len(batch.entries) == 0 && batch.lost == 0 && !batch.sweep {
		return
	}
	changed, err := k.options.write(batch, now)
	switch {
	case err != nil:
		k.takeBack(batch)
	case batch.sweep:
		k.sweep = now.Add(sweepTime)
	}
	if err == nil && k.options.Changed != nil {
		k.options.Changed(changed)
	}
	if err != nil && !k.failing || err == nil && k.failing {
		k.options.Report(err)
	}
	k.failing = err != nil
}

// batch is the content of one transaction.
type batch struct {
	entries map[Key]Value
	waiting map[class]int
	lost    uint64
	sweep   bool
}

func (k *Keeper) takeBatch() batch {
	k.mu.Lock()
	defer k.mu.Unlock()
	b := batch{entries: k.pending, waiting: k.waiting, lost: k.lost}
	k.pending, k.waiting, k.lost = map[Key]Value{}, map[class]int{}, 0
	return b
}

func (k *Keeper) takeBack(b batch) {
	k.mu.Lock()
	defer k.mu.Unlock()
	newer := k.pending
	k.pending, k.waiting = b.entries, b.waiting
	k.lost += b.lost
	for key, later := range newer {
		k.put(key, later)
	}
}
