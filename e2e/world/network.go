package world

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Network is three machines in a row, made of network namespaces: the client's,
// the proxy's and the backend's. The proxy's machine is the backend's default
// route, and receives what the backend sends to foreign addresses.
type Network struct {
	Dovecot *Process
	IMAP    int // of Dovecot, at BackendAddress

	w    *World
	name string
	made []string // namespaces
}

// The addresses of the machines (RFC 5737, RFC 1918).
const (
	ClientAddress  = "198.51.100.7"
	ProxyAddress   = "198.51.100.1"
	BackendAddress = "10.99.0.2"
)

// NewNetwork creates the machines and starts a Dovecot on the last one. Close
// removes everything, also after an error.
func (w *World) NewNetwork() (*Network, error) {
	n := &Network{w: w, name: fmt.Sprintf("ll%d", os.Getpid())}
	for _, machine := range []string{"client", "proxy", "backend"} {
		if err := toEnd(exec.Command("ip", "netns", "add", n.machine(machine))); err != nil {
			return n, err
		}
		n.made = append(n.made, n.machine(machine))
	}
	for _, on := range []struct{ machine, command string }{
		{"proxy", "link add front type veth peer name eth0 netns " + n.machine("client")},
		{"proxy", "link add back type veth peer name eth0 netns " + n.machine("backend")},
		{"client", "addr add " + ClientAddress + "/24 dev eth0"},
		{"client", "link set lo up"},
		{"client", "link set eth0 up"},
		{"proxy", "addr add " + ProxyAddress + "/24 dev front"},
		{"proxy", "addr add 10.99.0.1/24 dev back"},
		{"proxy", "link set lo up"},
		{"proxy", "link set front up"},
		{"proxy", "link set back up"},
		{"backend", "addr add " + BackendAddress + "/24 dev eth0"},
		{"backend", "link set lo up"},
		{"backend", "link set eth0 up"},
		{"backend", "route add default via 10.99.0.1"},
		{"proxy", "rule add iif back lookup 100"}, // as in docs/handover.md
		{"proxy", "route add local default dev lo table 100"},
	} {
		if err := toEnd(n.On(on.machine, "ip", strings.Fields(on.command)...)); err != nil {
			return n, err
		}
	}
	return n, n.startDovecot()
}

// toEnd runs a command to its end. Its output is part of the error.
func toEnd(cmd *exec.Cmd) error {
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", cmd, err, out)
	}
	return nil
}

// machine returns the name of a machine's namespace.
func (n *Network) machine(name string) string { return n.name + name }

// On returns a command that runs on one of the machines: client, proxy or
// backend.
func (n *Network) On(machine, program string, args ...string) *exec.Cmd {
	return onMachine(n.machine(machine), exec.Command(program, args...))
}

// onMachine moves a command to the network of a machine. Unlike `ip netns exec`
// and `ip -n` it mounts nothing, which fails in a chroot.
func onMachine(name string, cmd *exec.Cmd) *exec.Cmd {
	moved := exec.Command("nsenter", append([]string{"--net=/run/netns/" + name, "--"}, cmd.Args...)...)
	moved.SysProcAttr = cmd.SysProcAttr
	return moved
}

func (n *Network) startDovecot() error {
	root, err := n.w.Root(postfixDovecot)
	if err != nil {
		return err
	}
	b := &Believers{Dir: filepath.Join(n.w.Dir, "network"), Listen: "*", Trusted: ClientAddress}
	p := &b.Ports
	err = errors.Join(
		n.w.freePorts(&p.SMTP, &p.IMAP, &p.IMAPBehindHeader, &p.POP3, &p.POP3BehindHeader, &p.Submission, &p.Sieve),
		n.w.folders("network/home"), root.give(filepath.Join(n.w.Dir, "network/home"), "nobody"),
		n.w.fill("handover-dovecot.conf", "network/dovecot.conf", b), n.w.fill("oauth2.conf", "network/oauth2.conf", b),
	)
	if err != nil {
		return err
	}
	n.IMAP = p.IMAP
	n.Dovecot, err = Run("dovecot of the network", onMachine(n.machine("backend"), root.Command(n.w.Dir, "dovecot", "-F", "-c", filepath.Join(b.Dir, "dovecot.conf"))))
	if err != nil {
		return err
	}
	_, err = n.Dovecot.Log.Await(0, Patience, "starting up")
	return err
}

// Close ends Dovecot and removes the machines.
func (n *Network) Close() error {
	var errs []error
	if n.Dovecot != nil {
		errs = append(errs, n.Dovecot.Stop())
	}
	for _, name := range n.made {
		errs = append(errs, toEnd(exec.Command("ip", "netns", "delete", name)))
	}
	return errors.Join(errs...)
}
