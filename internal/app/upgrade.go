package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/letterlock/letterlock/internal/limit"
	"github.com/letterlock/letterlock/internal/upgrade"
	"github.com/letterlock/letterlock/tlspolicy/tickets"
)

// The names of the sockets that are not those of mail services.
const (
	statusSocket = "status"
	acmeSocket   = "acme"
)

// Sockets returns copies of the listening sockets, to pass them on. They stay open
// until the caller closes them.
func (p *Proxy) Sockets() (all []upgrade.Socket, err error) {
	defer func() {
		if err != nil {
			upgrade.CloseAll(all)
			all = nil
		}
	}()
	add := func(s upgrade.Socket, socket any) {
		if err == nil {
			if s.File, err = upgrade.Duplicate(socket); err == nil {
				all = append(all, s)
			}
		}
	}
	g := p.now.Load()
	for i, socket := range p.server.Sockets() {
		add(upgrade.Socket{Name: g.Listeners[i].Service, Address: g.Listeners[i].Address}, socket)
	}
	if p.page != nil {
		add(upgrade.Socket{Name: statusSocket, Address: g.config.Status.Listen}, p.page.Socket())
	}
	addresses, sockets := g.acme.sockets()
	for i, socket := range sockets {
		add(upgrade.Socket{Name: acmeSocket, Address: addresses[i]}, socket)
	}
	for _, socket := range p.options.Sockets {
		add(upgrade.Socket{Name: socket.Name, Systemd: true}, socket.File)
	}
	return all, err
}

// sockets returns the open sockets for challenges and their configured addresses.
func (s *acmeManager) sockets() (addresses []string, all []net.Listener) {
	if s == nil {
		return nil, nil
	}
	return s.keeper.Sockets()
}

// state is passed on to the process that replaces this one, as JSON. Fields
// may be missing: the other process can be older or newer. A field whose meaning
// changes gets another name or version.
type state struct {
	TicketSecret tickets.Secret    `json:"ticket_secret,omitempty"` // if no file holds it
	TicketChain  *tickets.Chain    `json:"ticket_chain,omitempty"`  // of a cluster
	Logins       *limit.LoginState `json:"logins,omitempty"`
	Drained      []string          `json:"drained,omitempty"`  // addresses of backends
	Timeline     json.RawMessage   `json:"timeline,omitempty"` // of the status page
}

// State returns the state to pass on: without it TLS sessions could not be
// resumed, and clients that guess passwords could begin anew.
func (p *Proxy) State() ([]byte, error) {
	logins := p.server.LoginState()
	g := p.now.Load()
	s := state{TicketSecret: g.maintenance.secret, Logins: &logins, Drained: p.drained.All()}
	if g.sharing != nil {
		chain := g.sharing.chain.get()
		s.TicketChain = &chain
	}
	p.saveNotices()
	var err error
	if s.Timeline, err = p.timeline.MarshalJSON(); err != nil {
		return nil, err
	}
	return json.Marshal(s)
}

// Restore takes over what State has returned in another process. It must be called
// between Open and Serve. Parts that cannot be used are left out, with an error.
func (p *Proxy) Restore(text []byte) error {
	if len(text) == 0 {
		return errNoState
	}
	var s state
	if err := json.Unmarshal(text, &s); err != nil {
		return fmt.Errorf("%w: %w", errState, err)
	}
	p.loadNotices(p.now.Load().config) // the other process has just written them
	var failed error
	if len(s.TicketSecret) > 0 {
		failed = p.now.Load().maintenance.restoreTickets(s.TicketSecret, p.now.Load().config.TicketSecret == "")
	}
	for _, address := range s.Drained {
		p.drained.Set(address, true)
	}
	if g := p.now.Load(); s.TicketChain != nil && g.sharing != nil {
		g.sharing.chain.offer(*s.TicketChain, time.Now())
		g.maintenance.followChain(time.Now())
	}
	if s.Logins != nil {
		failed = errors.Join(failed, p.server.RestoreLogins(*s.Logins))
	}
	if len(s.Timeline) > 0 {
		failed = errors.Join(failed, p.timeline.Restore(s.Timeline, time.Now()))
	}
	return failed
}

// minTicketSecret is the length of a secret that this program has made, in bytes.
const minTicketSecret = 32

var (
	errNoState = errors.New("there is none")
	errState   = errors.New("it is damaged")
)

// restoreTickets continues with a secret for session tickets. used is false if a
// file holds the secret that counts.
func (m *maintenance) restoreTickets(secret tickets.Secret, used bool) error {
	if len(secret) < minTicketSecret || len(secret) > tickets.MaxText {
		return fmt.Errorf("secret of session tickets: %w: %d bytes", errState, len(secret))
	}
	m.secret = secret
	if !used {
		return nil
	}
	return m.ring.Use(secret, time.Now())
}

// Drain leaves new clients to another process, which has the sockets too, and lets
// the sessions go on: until all have ended, for timeouts.upgrade, or until ctx ends.
// Shutdown must follow.
func (p *Proxy) Drain(ctx context.Context) {
	g := p.now.Load()
	p.replaced.Store(true)
	g.maintenance.stop(nil)
	p.giveUp()
	p.stopAccepting()
	g.acme.close()
	g.sharing.retire()
	p.options.Sockets.Close()
	p.moveAdmin()
	p.log.Info("another process accepts connections; the sessions of this one continue", "sessions", p.server.Sessions(), "deadline", g.config.Timeouts.Upgrade)
	ctx, cancel := context.WithTimeout(ctx, g.config.Timeouts.Upgrade)
	defer cancel()
	p.server.Drain(ctx)
}
