package world

import (
	"errors"
	"os"
	"path/filepath"
)

// Keeper is a Postfix that accepts mail from every client and delivers nothing:
// all messages stay in its queue, on hold.
type Keeper struct {
	Dir     string
	Port    int
	Postfix *Process

	w *World
}

// StartKeeper starts a Keeper. Its Stop ends it.
func (w *World) StartKeeper() (*Keeper, error) {
	k := &Keeper{Dir: filepath.Join(w.Dir, "keeper"), w: w}
	root, err := w.Root(postfixDovecot)
	if err != nil {
		return nil, err
	}
	err = errors.Join(
		freePorts(&k.Port), w.folders("keeper/postfix", "keeper/queue", "keeper/data"),
		root.give(filepath.Join(k.Dir, "data"), "postfix"),
		w.fill("keeper.cf", "keeper/postfix/main.cf", k), w.fill("keeper-master.cf", "keeper/postfix/master.cf", k),
	)
	if err != nil {
		return nil, err
	}
	return k, k.start(w.startMaster)
}

// Restart kills Postfix and starts it again, on the same port.
func (k *Keeper) Restart() error {
	if err := k.Postfix.Kill(); err != nil {
		return err
	}
	return k.start(k.w.runMaster)
}

func (k *Keeper) start(master func(name, dir string) (*Process, error)) error {
	p, err := master("keeping postfix", filepath.Join(k.Dir, "postfix"))
	if err != nil {
		return err
	}
	k.Postfix = p
	return p.ready(k.Port)
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
