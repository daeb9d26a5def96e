package world

import (
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Cyrus is a backend that supports no way of handing over the client's address.
type Cyrus struct {
	Dir, Address string
	IMAP, POP3   int
	*Process          // Cyrus's master process
	Mail         *Log // its syslog

	syslog net.PacketConn
}

// StartCyrus starts Cyrus on a machine of the network. Its user is carol, with the
// password of the believers. Stop ends it.
func (n *Network) StartCyrus() (*Cyrus, error) {
	w := n.w
	c := &Cyrus{Dir: filepath.Join(w.Dir, "cyrus"), Address: BackendAddress}
	root, err := w.Root(eximCyrus)
	if err != nil {
		return nil, err
	}
	err = errors.Join(w.freePorts(&c.IMAP, &c.POP3), w.folders("cyrus/var/db", "cyrus/var/socket", "cyrus/spool", "cyrus/run"),
		w.fill("imapd.conf", "cyrus/imapd.conf", c), w.fill("cyrus.conf", "cyrus/cyrus.conf", c), c.addUser(root, "carol"),
		root.give(c.Dir, "cyrus"))
	if err != nil {
		return nil, err
	}
	c.Mail = newLog()
	if c.syslog, err = listenToSyslog(c.Dir, c.Mail); err != nil {
		return nil, err
	}
	c.Process, err = Run("cyrus", onMachine(n.machine("backend"), root.Command(c.Dir, "/usr/lib/cyrus/bin/master", "-D",
		"-C", filepath.Join(c.Dir, "imapd.conf"), "-M", filepath.Join(c.Dir, "cyrus.conf"), "-p", filepath.Join(c.Dir, "run/pid"))))
	if err != nil {
		_ = c.syslog.Close()
		return nil, err
	}
	return c, n.listens(c.Process, c.IMAP, c.POP3)
}

// listens waits until a process on the backend's machine has its ports.
func (n *Network) listens(p *Process, ports ...int) error {
	for deadline := time.Now().Add(Patience); ; time.Sleep(50 * time.Millisecond) {
		out, err := n.On("backend", "ss", "--no-header", "--listening", "--tcp", "--numeric").Output()
		if err != nil {
			return fmt.Errorf("ss: %w", err)
		}
		missing := slices.DeleteFunc(slices.Clone(ports), func(port int) bool { return strings.Contains(string(out), fmt.Sprintf(":%d ", port)) })
		if len(missing) == 0 {
			return nil
		}
		if !p.Running() || time.Now().After(deadline) {
			return fmt.Errorf("%s does not listen on %d\n%s", p.Name, missing, p.Log.Tail())
		}
	}
}

func (c *Cyrus) addUser(root *Root, name string) error {
	command := root.Command(c.Dir, "saslpasswd2", "-p", "-c", "-f", filepath.Join(c.Dir, "users"), "-u", "legacy.example.com", name)
	command.Stdin = strings.NewReader(BelieverPassword)
	if out, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("saslpasswd2: %w: %s", err, out)
	}
	return nil
}

// Stop ends Cyrus.
func (c *Cyrus) Stop() error { return errors.Join(c.Process.Stop(), c.syslog.Close()) }
