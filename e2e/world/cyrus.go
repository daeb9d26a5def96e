package world

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Cyrus is one that was unpacked beside the tests, as its package and those of
// Dovecot exclude each other. It knows nothing of proxies.
type Cyrus struct {
	Dir, Address string
	IMAP, POP3   int
	*Process          // its master
	Mail         *Log // what it says to syslog

	syslog net.PacketConn
}

// cyrusID is that of the user whom the package would have made; Cyrus insists
// on the name.
const cyrusID = 64998

// StartCyrus starts it on a machine of the network, with its programs, its user
// and a syslog of its own in a mount namespace. Its user is stranger, as the
// believers' are. It ends with its Stop.
func (n *Network) StartCyrus() (*Cyrus, error) {
	w := n.w
	c := &Cyrus{Dir: filepath.Join(w.Dir, "cyrus"), Address: BackendAddress}
	programs, err := cyrusPrograms()
	if err != nil {
		return nil, err
	}
	err = errors.Join(freePorts(&c.IMAP, &c.POP3), w.folders("cyrus/var/db", "cyrus/var/socket", "cyrus/spool", "cyrus/run", "cyrus/dev"),
		os.WriteFile(filepath.Join(c.Dir, "dev/log"), nil, 0o644),
		os.WriteFile(filepath.Join(c.Dir, "resolv.conf"), []byte("nameserver 127.0.0.1\n"), 0o644), // says at once that it is none
		withLine("/etc/passwd", filepath.Join(c.Dir, "passwd"), fmt.Sprintf("cyrus:x:%d:8::/nonexistent:/bin/false", cyrusID)),
		w.fill("imapd.conf", "cyrus/imapd.conf", c), w.fill("cyrus.conf", "cyrus/cyrus.conf", c), c.addUser("stranger"), c.own())
	if err != nil {
		return nil, err
	}
	if err := c.listenToLog(); err != nil {
		return nil, err
	}
	script := `mount -t overlay overlay -o "lowerdir=$2:/usr" /usr && mount -t overlay overlay -o "lowerdir=$1/dev:/dev" /dev &&
		mount --bind "$1/syslog" /dev/log && mount --bind "$1/passwd" /etc/passwd &&
		mount --bind "$1/resolv.conf" /etc/resolv.conf &&
		exec /usr/lib/cyrus/bin/master -D -C "$1/imapd.conf" -M "$1/cyrus.conf" -p "$1/run/pid"`
	c.Process, err = Run("cyrus", n.On("backend", "sh", "-c", script, "sh", c.Dir, strings.Join(programs, ":")))
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

// cyrusPrograms are the trees of its packages.
func cyrusPrograms() (trees []string, err error) {
	for _, name := range []string{"cyrus-pop3d", "cyrus-imapd", "cyrus-common"} {
		tree, err := filepath.Abs(filepath.Join(".peers", name, "usr"))
		if err != nil {
			return nil, err
		}
		if _, err := os.Stat(tree); err != nil {
			return nil, fmt.Errorf("%w: run e2e/install", err)
		}
		trees = append(trees, tree)
	}
	return trees, nil
}

func (c *Cyrus) addUser(name string) error {
	command := exec.Command("saslpasswd2", "-p", "-c", "-f", filepath.Join(c.Dir, "users"), "-u", "legacy.example.com", name)
	command.Stdin = strings.NewReader(BelieverPassword)
	if out, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("saslpasswd2: %w: %s", err, out)
	}
	return nil
}

// own gives Cyrus what is its own.
func (c *Cyrus) own() error {
	return filepath.WalkDir(c.Dir, func(path string, _ os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, cyrusID, 8)
	})
}

// listenToLog is the syslog of Cyrus, which knows no other way to tell.
func (c *Cyrus) listenToLog() (err error) {
	path := filepath.Join(c.Dir, "syslog")
	if c.syslog, err = net.ListenPacket("unixgram", path); err != nil {
		return err
	}
	c.Mail = newLog()
	go func() {
		for packet := make([]byte, 64<<10); ; {
			size, _, err := c.syslog.ReadFrom(packet)
			if err != nil {
				return
			}
			_, _ = fmt.Fprintf(c.Mail, "%s\n", packet[:size])
		}
	}()
	return os.Chmod(path, 0o666)
}

// Stop ends it.
func (c *Cyrus) Stop() error { return errors.Join(c.Process.Stop(), c.syslog.Close()) }
