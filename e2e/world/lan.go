package world

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// LAN is a network of machines, which are network namespaces. Each machine is
// connected to one of two switches, and a cable connects the switches. A test
// can cut off a machine, or one half of the machines from the other.
//
// The process of the test is connected to the left switch. Its own network must
// be private: see Private.
type LAN struct {
	name string
	made []string // namespaces
}

// The two switches, and the cable between them.
const (
	Left  = "left"
	Right = "right"
	cable = "cable"
)

// lanNetwork is the network of all machines.
const lanNetwork = "10.77.0.0/24"

// Node is a machine of a LAN.
type Node struct {
	Name, Address string

	lan  *LAN
	half string
}

// NewLAN creates the switches and connects this process to the left one, with
// its addresses. Close removes all machines, also after an error.
func NewLAN(addresses ...string) (*LAN, error) {
	n := &LAN{name: fmt.Sprintf("ll%d", os.Getpid())}
	for _, half := range []string{Left, Right} {
		if err := n.addNamespace(half); err != nil {
			return n, err
		}
		if err := n.ip(half, "link add hub type bridge", "link set hub up"); err != nil {
			return n, err
		}
	}
	err := n.ip(Left, "link add "+cable+" type veth peer name "+cable+" netns "+n.name+Right, "link set "+cable+" master hub up")
	err = errors.Join(err, n.ip(Right, "link set "+cable+" master hub up"))
	if err != nil {
		return n, err
	}
	commands := []string{"link add eth0 type veth peer name test netns " + n.name + Left, "link set lo up", "link set eth0 up"}
	for _, address := range addresses {
		commands = append(commands, "addr add "+address+"/24 dev eth0")
	}
	for _, command := range commands {
		if err := toEnd(exec.Command("ip", strings.Fields(command)...)); err != nil {
			return n, err
		}
	}
	return n, n.ip(Left, "link set test master hub up")
}

// Add adds a machine to a half of the network. The name has at most eight
// characters.
func (n *LAN) Add(name, half, address string) (*Node, error) {
	m := &Node{Name: name, Address: address, lan: n, half: half}
	err := n.addNamespace(name)
	if err == nil {
		err = n.ip(half, "link add "+name+" type veth peer name eth0 netns "+n.name+name, "link set "+name+" master hub up")
	}
	if err == nil {
		err = n.ip(name, "addr add "+address+"/24 dev eth0", "link set lo up", "link set eth0 up")
	}
	return m, err
}

func (n *LAN) addNamespace(name string) error {
	if err := toEnd(exec.Command("ip", "netns", "add", n.name+name)); err != nil {
		return err
	}
	n.made = append(n.made, n.name+name)
	return nil
}

// ip runs ip(8) on a machine or a switch, once for each command.
func (n *LAN) ip(machine string, commands ...string) error {
	for _, command := range commands {
		if err := toEnd(onMachine(n.name+machine, exec.Command("ip", strings.Fields(command)...))); err != nil {
			return err
		}
	}
	return nil
}

// Cut unplugs the cable between the halves, or plugs it in again.
func (n *LAN) Cut(cut bool) error { return n.ip(Left, "link set "+cable+" "+upUnless(cut)) }

// Cut unplugs the machine from its switch, or plugs it in again.
func (m *Node) Cut(cut bool) error {
	return m.lan.ip(m.half, "link set "+m.Name+" "+upUnless(cut))
}

func upUnless(cut bool) string {
	if cut {
		return "down"
	}
	return "up"
}

// Close removes the machines and switches.
func (n *LAN) Close() error {
	var errs []error
	for _, name := range n.made {
		errs = append(errs, toEnd(exec.Command("ip", "netns", "delete", name)))
	}
	return errors.Join(errs...)
}

// Move moves a command to the machine. Without a machine the command stays in
// the network of this process.
func (m *Node) Move(cmd *exec.Cmd) *exec.Cmd {
	if m == nil {
		return cmd
	}
	return onMachine(m.lan.name+m.Name, cmd)
}

// At returns the address of a port of the machine.
func (m *Node) At(port int) string { return fmt.Sprintf("%s:%d", m.Address, port) }
