package app

import (
	"fmt"
	"time"

	"github.com/letterlock/letterlock/internal/systemd"
	"github.com/letterlock/letterlock/proxy"
)

// assignSockets gives listeners the sockets that systemd has opened for them. The
// other listeners open their own.
func assignSockets(sockets systemd.Sockets, listeners []*proxy.Listener) error {
	wanted := make([]systemd.Listener, len(listeners))
	for i, l := range listeners {
		wanted[i] = systemd.Listener{Service: l.Service, Address: l.Address}
	}
	files, err := sockets.Assign(wanted)
	for i, file := range files {
		listeners[i].Socket = file
	}
	return err
}

// ShutdownTime is the longest time that sessions and the last lines of the log take to end.
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
