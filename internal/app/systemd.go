package app

import (
	"fmt"
	"time"

	"github.com/letterlock/letterlock/internal/systemd"
	"github.com/letterlock/letterlock/proxy"
)

// assignSockets gives listeners the sockets that systemd has opened for them,
// or that the previous process has passed on. The other listeners open their
// own.
func assignSockets(o Options, listeners []*proxy.Listener) error {
	wanted := make([]systemd.Listener, len(listeners))
	for i, l := range listeners {
		wanted[i] = systemd.Listener{Service: l.Service, Address: l.Address}
	}
	files, err := o.Sockets.Assign(wanted)
	if err != nil {
		return err
	}
	for i, l := range listeners {
		if l.Socket = files[i]; l.Socket == nil {
			l.Socket = o.Inherited.Claim(l.Service, l.Address)
		}
	}
	return nil
}

// ShutdownTime returns the maximum time until sessions have ended and the last
// lines of the log are written.
func (p *Proxy) ShutdownTime() time.Duration {
	return p.now.Load().config.Timeouts.Shutdown + lastLines
}

// Status describes the state of the proxy in one line, for systemctl status.
func (p *Proxy) Status() string {
	text := fmt.Sprintf("sessions: %d, listeners: %d", p.server.Sessions(), len(p.server.Addresses()))
	if problem := p.source.problem(); problem != "" {
		text += "; the new configuration was refused, and the one before stays in force: " + problem
	}
	return text
}
