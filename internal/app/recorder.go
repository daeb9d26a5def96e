package app

import (
	"log/slog"
	"sync/atomic"

	"github.com/letterlock/letterlock/configs"
	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/inventory"
	"github.com/letterlock/letterlock/internal/observe"
	"github.com/letterlock/letterlock/tlspolicy"
)

// recorder is the observe.Observer that fills the inventory. It counts a
// session once: when its client has logged in, or else at its end.
type recorder struct {
	observe.None
	keeper atomic.Pointer[inventory.Keeper] // nil if no inventory is kept
	kept   configs.Inventory
	file   string

	changed func(inventory.Change) // called after each write; may be nil
}

var _ observe.Observer = &recorder{}

// keep opens the inventory of a configuration, unless it is open already, and
// closes the previous one.
func (c *recorder) keep(config *configs.Config, log *slog.Logger) {
	if c.kept == config.Inventory && c.file == config.InventoryFile() {
		return
	}
	c.kept, c.file = config.Inventory, config.InventoryFile()
	var next *inventory.Keeper
	if c.kept.Keep {
		next = inventory.Keep(inventory.Options{
			File: c.file, Entries: c.kept.Entries, Age: c.kept.Age, Changed: c.changed,
			Report: func(err error) {
				if err != nil {
					log.Error("inventory", "error", err)
					return
				}
				log.Info("inventory: the file can be written again")
			},
		})
	}
	if before := c.keeper.Swap(next); before != nil {
		before.Close()
	}
}

// close writes the pending records and closes the inventory.
func (c *recorder) close() {
	if last := c.keeper.Swap(nil); last != nil {
		last.Close()
	}
}

func (c *recorder) record(e inventory.Entry) {
	if k := c.keeper.Load(); k != nil {
		k.Record(e)
	}
}

// entry returns an entry with the fields that all kinds have.
func entry(kind inventory.Kind, info *observe.Session) inventory.Entry {
	e := inventory.Entry{
		Key:   inventory.Key{Kind: kind, Service: info.Listener.Service, Listener: info.Listener.Address},
		Value: inventory.Value{Address: info.Client.Addr()},
	}
	e.Exception = info.Exception
	return e
}

func (c *recorder) session(info *observe.Session) {
	e := entry(inventory.Session, info)
	e.User, e.Offer = info.User, info.Offered
	e.Version, e.Suite, e.Group = tlspolicy.Version(info.TLS.Version), tlspolicy.Suite(info.TLS.CipherSuite), tlspolicy.Group(info.TLS.CurveID)
	c.record(e)
}

// Login counts a session whose user is now known.
func (c *recorder) Login(info *observe.Session, user, _ string, a gate.Answer) {
	if a.OK() && user != "" && info.TLS != nil {
		c.session(info)
	}
}

// HandshakeFailed counts a failed handshake, with what the client offered.
func (c *recorder) HandshakeFailed(info *observe.Session, offer observe.Offer, err error) {
	e := entry(inventory.Failure, info)
	e.Class, e.Offer = observe.FailureOf(err), offer.Sum()
	c.record(e)
}

// Closed counts a session without a user, and on smtp the messages that arrived
// in plaintext.
func (c *recorder) Closed(info *observe.Session, _ observe.Summary) {
	if info.TLS != nil && info.User == "" {
		c.session(info)
	}
	if info.Plaintext > 0 && info.Listener.Service == string(configs.SMTP) {
		e := entry(inventory.Plaintext, info)
		e.Host, e.Count = info.Name(), uint64(info.Plaintext)
		c.record(e)
	}
}
