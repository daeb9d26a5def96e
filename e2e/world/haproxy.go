package world

import (
	"errors"
	"os"
	"path/filepath"
)

// StartHAProxy starts HAProxy with a configuration. Its Stop ends it. A machine
// of nil is this one.
func (w *World) StartHAProxy(configuration string, on *Node) (*Process, error) {
	root, err := w.Root(postfixDovecot)
	if err != nil {
		return nil, err
	}
	path := filepath.Join(w.Dir, "haproxy/haproxy.cfg")
	if err := errors.Join(w.folders("haproxy"), os.WriteFile(path, []byte(configuration), 0o644)); err != nil {
		return nil, err
	}
	p, err := Run("haproxy", on.Move(root.Command(w.Dir, "haproxy", "-db", "-f", path)))
	if err != nil {
		return nil, err
	}
	p.DiesOfSignal = true
	return p, nil
}
