package world

import (
	"errors"
	"path/filepath"
)

// Correspondents are two independent Postfix: an old one without TLS, which
// sends all mail to a smarthost, and the MX of example.com and modern.example,
// with TLS.
type Correspondents struct {
	Dir         string
	Certificate Pair
	Deliver     string
	Smarthost   int // the port to which the old Postfix sends
	Ports       CorrespondentPorts
	Old, MX     *Process
}

// CorrespondentPorts are the ports of the two servers.
type CorrespondentPorts struct{ Old, MX int }

// StartMX starts the MX. It stores mail for example.com as the world's own
// Postfix does. StartOld starts the old Postfix.
func (w *World) StartMX() (*Correspondents, error) {
	c := &Correspondents{Dir: filepath.Join(w.Dir, "correspondents"), Certificate: w.certificates[0], Deliver: deliver}
	if err := w.freePorts(&c.Ports.Old, &c.Ports.MX); err != nil {
		return nil, err
	}
	var err error
	c.MX, err = w.startCorrespondent(c, "mx", struct {
		*Correspondents
		World string
	}{c, w.Dir}, c.Ports.MX)
	return c, err
}

// StartOld starts the old Postfix, which sends to a smarthost at a port.
func (w *World) StartOld(c *Correspondents, smarthost int) (err error) {
	c.Smarthost = smarthost
	c.Old, err = w.startCorrespondent(c, "old", c, c.Ports.Old)
	return err
}

func (w *World) startCorrespondent(c *Correspondents, name string, data any, port int) (*Process, error) {
	at := "correspondents/" + name
	root, err := w.Root(postfixDovecot)
	if err != nil {
		return nil, err
	}
	err = errors.Join(
		w.folders(at, "correspondents/"+name+"-queue", "correspondents/"+name+"-data"),
		root.give(filepath.Join(c.Dir, name+"-data"), "postfix"),
		w.fill(name+".cf", at+"/main.cf", data), w.fill(name+"-master.cf", at+"/master.cf", data),
	)
	if err != nil {
		return nil, err
	}
	p, err := w.startMaster(name+" postfix", filepath.Join(c.Dir, name), nil)
	if err != nil {
		return nil, err
	}
	return p, p.ready(port)
}

// Stop ends both servers.
func (c *Correspondents) Stop() error {
	var errs []error
	for _, p := range []*Process{c.Old, c.MX} {
		if p != nil {
			errs = append(errs, p.Stop())
		}
	}
	return errors.Join(errs...)
}
