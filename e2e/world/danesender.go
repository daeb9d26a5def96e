package world

import (
	"errors"
	"path/filepath"
)

// DANESender is a Postfix that sends mail to one host, and only if the host's TLSA
// records match its certificate (dane-only). It trusts the validation of its DNS server.
type DANESender struct {
	Dir    string
	Listen int // the port that takes mail from this machine

	Domain, Host string // of the recipients
	Port         int    // of the host

	Postfix *Process
}

// StartDANESender starts a DANESender. Stop of its Postfix ends it.
func (w *World) StartDANESender(nameserver, domain, host string, port int) (*DANESender, error) {
	s := &DANESender{Dir: filepath.Join(w.Dir, "dane-sender"), Domain: domain, Host: host, Port: port}
	root, err := w.Root(postfixDovecot)
	if err != nil {
		return nil, err
	}
	err = errors.Join(
		w.freePorts(&s.Listen), w.folders("dane-sender/postfix", "dane-sender/queue", "dane-sender/data"),
		root.give(filepath.Join(s.Dir, "data"), "postfix"),
	)
	if err != nil {
		return nil, err
	}
	err = errors.Join(w.fill("dane-sender.cf", "dane-sender/postfix/main.cf", s), w.fill("dane-sender-master.cf", "dane-sender/postfix/master.cf", s))
	if err != nil {
		return nil, err
	}
	if s.Postfix, err = root.asking(nameserver).startMaster(w.Dir, "dane sender", filepath.Join(s.Dir, "postfix"), nil); err != nil {
		return nil, err
	}
	return s, s.Postfix.ready(s.Listen)
}
