package world

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// Keeper is a Postfix that accepts mail from every client and delivers nothing:
// all messages stay in its queue, on hold.
type Keeper struct {
	Dir     string
	Port    int
	Listen  string // the address
	Clients string // the network that may send to foreign addresses
	Postfix *Process

	w       *World
	machine *Node
}

// StartKeeper starts a Keeper. Its Stop ends it.
func (w *World) StartKeeper() (*Keeper, error) {
	k := &Keeper{Listen: "127.0.0.1", Clients: "127.0.0.0/8"}
	if err := w.freePorts(&k.Port); err != nil {
		return nil, err
	}
	return k, w.startKeeper(k, "keeper")
}

// StartKeeperOn starts a Keeper on port 25 of a machine.
func (w *World) StartKeeperOn(m *Node) (*Keeper, error) {
	k := &Keeper{Listen: m.Address, Clients: lanNetwork, Port: 25, machine: m}
	return k, w.startKeeper(k, "keeper-"+m.Name)
}

func (w *World) startKeeper(k *Keeper, name string) error {
	k.Dir, k.w = filepath.Join(w.Dir, name), w
	root, err := w.Root(postfixDovecot)
	if err != nil {
		return err
	}
	err = errors.Join(
		w.folders(name+"/postfix", name+"/queue", name+"/data"),
		root.give(filepath.Join(k.Dir, "data"), "postfix"),
		w.fill("keeper.cf", name+"/postfix/main.cf", k), w.fill("keeper-master.cf", name+"/postfix/master.cf", k),
	)
	if err != nil {
		return err
	}
	return k.start(w.startMaster)
}

// Restart kills Postfix and starts it again, on the same port.
func (k *Keeper) Restart() error {
	if err := k.Postfix.Kill(); err != nil {
		return err
	}
	return k.start(k.w.runMaster)
}

func (k *Keeper) start(master func(name, dir string, on *Node) (*Process, error)) error {
	p, err := master("keeping postfix", filepath.Join(k.Dir, "postfix"), k.machine)
	if err != nil {
		return err
	}
	k.Postfix = p
	return p.Ready(fmt.Sprintf("%s:%d", k.Listen, k.Port))
}

// Kept returns the messages in the queue. Postfix marks a complete message by
// making its file executable, and discards a file without the mark after a
// crash.
func (k *Keeper) Kept() (messages [][]byte, err error) {
	files, err := filepath.Glob(filepath.Join(k.Dir, "queue/hold/*"))
	for _, file := range files {
		info, failed := os.Stat(file)
		if failed != nil || info.Mode()&0o100 == 0 {
			err = errors.Join(err, failed)
			continue
		}
		text, failed := os.ReadFile(file)
		messages, err = append(messages, text), errors.Join(err, failed)
	}
	return messages, err
}
