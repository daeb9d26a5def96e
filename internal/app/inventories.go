package app

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/letterlock/letterlock/configs"
	"github.com/letterlock/letterlock/internal/cluster"
	"github.com/letterlock/letterlock/internal/inventory"
)

// inventoryCopy keeps a copy of the instance's inventory in the store, so that the
// command whatif can read those of all instances. Each instance writes its own copy only.
type inventoryCopy struct {
	log *slog.Logger

	mu      sync.Mutex
	waiting []inventory.Change
	size    int  // entries in waiting
	behind  bool // changes were lost: the whole file must be copied
	file    string
	age     time.Duration
}

const (
	copyTime       = 2 * time.Second // between two writes to the store
	copyCheckTime  = time.Minute
	copyBatch      = 500 // entries in one command
	maxCopyWaiting = 10_000
	readTime       = 10 * time.Minute // bounds the reading of all copies from a hostile store
	indexVersion   = 1
	maxIndex       = 256 // instances
)

// use sets which file is copied. A file that was not copied yet is copied as a whole.
func (c *inventoryCopy) use(config *configs.Config) {
	file := config.InventoryFile()
	if !config.Inventory.Keep {
		file = ""
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.file != file {
		c.behind = true
	}
	c.file, c.age = file, config.Inventory.Age
}

// add notes what has changed in the file.
func (c *inventoryCopy) add(change inventory.Change) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := len(change.Written) + len(change.Removed)
	if n == 0 || c.behind {
		return
	}
	if c.size += n; c.size > maxCopyWaiting {
		c.waiting, c.size, c.behind = nil, 0, true
		return
	}
	c.waiting = append(c.waiting, change)
}

// copyInventory passes a change of the inventory to the copy in the store, if there is
// one.
func (p *Proxy) copyInventory(change inventory.Change) {
	if s := p.now.Load().sharing; s != nil {
		s.copied.add(change)
	}
}

// inventoryOf is the name of an instance's copy.
func inventoryOf(instance string) cluster.Name {
	return cluster.Name{Kind: "inventory", ID: instance}
}

// send writes what has changed since the last call, or everything if that is not known.
func (c *inventoryCopy) send(ctx context.Context, store *cluster.Store, instance string) {
	c.mu.Lock()
	changes, behind, file, age := c.waiting, c.behind, c.file, c.age
	c.waiting, c.size, c.behind = nil, 0, false
	c.mu.Unlock()
	if file == "" {
		return
	}
	hash := store.Hash(inventoryOf(instance))
	var err error
	if behind {
		err = copyAll(ctx, hash, file, age)
	}
	for _, change := range changes {
		if err == nil {
			err = copyEntries(ctx, hash, change.Written, change.Removed, age)
		}
	}
	if err != nil {
		c.log.Debug("cluster: inventory", "error", err)
		c.mu.Lock()
		c.waiting, c.size, c.behind = nil, 0, true
		c.mu.Unlock()
	}
}

// copyAll copies the whole file. Entries that the copy has beyond it stay until they
// expire with the copy.
func copyAll(ctx context.Context, hash *cluster.Hash, file string, age time.Duration) error {
	all, err := inventory.Read(file, age, time.Now())
	if err != nil {
		return err
	}
	return copyEntries(ctx, hash, all.Entries, nil, age)
}

func copyEntries(ctx context.Context, hash *cluster.Hash, written []inventory.Entry, removed []string, age time.Duration) error {
	for batch := range slices.Chunk(written, copyBatch) {
		values := map[string][]byte{}
		for _, e := range batch {
			id, err := e.ID()
			if err != nil {
				return err
			}
			if values[id], err = e.MarshalBinary(); err != nil {
				return err
			}
		}
		if err := hash.Set(ctx, values, nil, age); err != nil {
			return err
		}
	}
	for batch := range slices.Chunk(removed, copyBatch) {
		if err := hash.Set(ctx, nil, batch, age); err != nil {
			return err
		}
	}
	return nil
}

// check copies the whole file again if the store has lost the copy, and enters the
// instance into the list of those with a copy.
func (c *inventoryCopy) check(ctx context.Context, store *cluster.Store, instance string) {
	n, err := store.Hash(inventoryOf(instance)).Len(ctx)
	c.mu.Lock()
	if err == nil && n == 0 {
		c.behind = true
	}
	age := c.age
	c.mu.Unlock()
	if err == nil {
		err = enterIndex(ctx, store, instance, age)
	}
	if err != nil {
		c.log.Debug("cluster: inventory", "error", err)
	}
}

// inventoryIndex lists the instances that have a copy of their inventory in the store.
type inventoryIndex struct {
	Version   int              `json:"version"`
	Instances map[string]int64 `json:"instances"` // when each has last written, in Unix seconds
}

var indexName = cluster.Name{Kind: "inventory", ID: "/index"} // no instance has this name

func readIndex(value []byte) (index inventoryIndex, newer bool) {
	if value == nil || json.Unmarshal(value, &index) != nil || index.Instances == nil {
		return inventoryIndex{indexVersion, map[string]int64{}}, false
	}
	return index, index.Version > indexVersion
}

// record records an instance. Containers have a new name each time, so an instance that has
// not written for as long as its copy lives is removed, and the one that has written least
// recently if there are too many. An age of 0 is not known yet.
func (x inventoryIndex) record(instance string, now time.Time, age time.Duration) {
	maps.DeleteFunc(x.Instances, func(_ string, last int64) bool { return age > 0 && last < now.Add(-age).Unix() })
	x.Instances[instance] = now.Unix()
	for len(x.Instances) > maxIndex {
		oldest := instance
		for name, last := range x.Instances {
			if last < x.Instances[oldest] {
				oldest = name
			}
		}
		delete(x.Instances, oldest)
	}
}

func enterIndex(ctx context.Context, store *cluster.Store, instance string, age time.Duration) error {
	now := store.Now()
	return store.Update(ctx, indexName, 366*24*time.Hour, func(value []byte) []byte {
		index, newer := readIndex(value)
		if newer {
			return nil
		}
		index.record(instance, now, age)
		text, err := json.Marshal(index)
		if err != nil {
			return nil
		}
		return text
	})
}

// Inventory reads the inventory of a configuration: the file, and in a cluster the copies
// of the other instances. If those cannot be read, it returns the file's with an error in
// partial.
func Inventory(ctx context.Context, c *configs.Config, now time.Time, log *slog.Logger) (all inventory.Inventory, partial, err error) {
	all, err = inventory.Read(c.InventoryFile(), c.Inventory.Age, now)
	if c.Cluster == nil {
		return all, nil, err
	}
	others, partial := inventoriesElsewhere(ctx, c, log)
	if partial != nil || len(others) == 0 {
		return all, partial, err
	}
	if all.Begun.IsZero() {
		all.Begun = now
	}
	all.Merge(others, c.Inventory.Age, now)
	return all, nil, nil
}

// inventoriesElsewhere returns the entries of all other instances.
func inventoriesElsewhere(ctx context.Context, c *configs.Config, log *slog.Logger) (all []inventory.Entry, err error) {
	o, _, err := clusterOptions(c.Cluster)
	if err != nil {
		return nil, err
	}
	o.Log = log
	store, err := cluster.New(o)
	if err != nil {
		return nil, err
	}
	store.Retire() // the instance itself may be running
	store.Start()
	defer store.Close()
	wait, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	if !store.Wait(wait) {
		return nil, fmt.Errorf("%w: %s", cluster.ErrDown, store.Report().Problem)
	}
	ctx, end := context.WithTimeout(ctx, readTime)
	defer end()
	values, err := store.Get(ctx, indexName)
	if err != nil {
		return nil, err
	}
	index, _ := readIndex(values[0])
	for instance := range index.Instances {
		if instance == c.Cluster.Instance {
			continue
		}
		err := store.Hash(inventoryOf(instance)).Each(ctx, c.Inventory.Entries, func(value []byte) {
			var e inventory.Entry
			if e.UnmarshalBinary(value) == nil {
				all = append(all, e)
			}
		})
		if err != nil {
			return nil, err
		}
	}
	return all, nil
}
