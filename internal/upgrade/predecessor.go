package upgrade

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"
)

// Predecessor is the old process that has started this one to take over from it. A
// nil Predecessor stands for none; its methods do nothing.
type Predecessor struct{ pipes *pipes }

// listTime bounds the wait for a message that the old process sends at once.
const listTime = 20 * time.Second

var errNoPipes = errors.New("the variable " + marker + " is set, but the process was not started by an upgrade: unset it")

// FromEnvironment returns the predecessor; nil if no upgrade has started this
// process.
func FromEnvironment() (*Predecessor, error) {
	if os.Getenv(marker) == "" {
		return nil, nil
	}
	in, out := pipeAt(fromOld), pipeAt(toOld)
	if in == nil || out == nil {
		return nil, errNoPipes
	}
	return &Predecessor{&pipes{in, out}}, nil
}

// Sockets returns the sockets that this process has inherited. Before this call the
// process may execute itself again, and keeps them.
func (p *Predecessor) Sockets() (*Sockets, error) {
	if p == nil {
		return nil, nil
	}
	_ = os.Unsetenv(marker)
	closeOnExec(fromOld)
	closeOnExec(toOld)
	p.pipes.deadline(context.Background(), listTime)
	m, err := receive(p.pipes.in)
	if err == nil && m.Step != sockets {
		err = fmt.Errorf("it sent %q instead of %q", m.Step, sockets)
	}
	if err != nil {
		return nil, fmt.Errorf("the list of sockets from the old process: %w", err)
	}
	s := &Sockets{}
	for i, d := range m.Sockets {
		closeOnExec(firstSocket + i)
		s.all = append(s.all, Socket{d.Name, d.Address, d.Systemd, os.NewFile(uintptr(firstSocket+i), d.Name)})
	}
	return s, nil
}

// Prepared reports that this process can accept connections now, and returns the
// state of the old one. An error means that there is none, because that process has
// ended: this one is needed all the more.
func (p *Predecessor) Prepared() (passed []byte, err error) {
	if p == nil {
		return nil, nil
	}
	p.pipes.deadline(context.Background(), acceptTime)
	if err := send(p.pipes.out, message{Step: prepared}); err != nil {
		return nil, fmt.Errorf("the old process: %w", err)
	}
	m, err := receive(p.pipes.in)
	if err == nil && m.Step != state {
		err = fmt.Errorf("it sent %q instead of %q", m.Step, state)
	}
	if err != nil {
		return nil, fmt.Errorf("the old process: %w", err)
	}
	return m.State, nil
}

// Ready reports that this process accepts connections, and waits until the old one
// has made it the service's main process.
func (p *Predecessor) Ready(version string) {
	if p == nil {
		return
	}
	p.pipes.deadline(context.Background(), acceptTime)
	_ = send(p.pipes.out, message{Step: ready, Version: version})
	_, _ = p.pipes.in.Read(make([]byte, 1)) // the end of the pipe
	p.pipes.close()
}

// Failed reports why this process cannot take over.
func (p *Predecessor) Failed(why error) {
	if p == nil || why == nil {
		return
	}
	p.pipes.deadline(context.Background(), acceptTime)
	_ = send(p.pipes.out, message{Step: failed, Error: cut(why.Error())})
	p.pipes.close()
}
