package world

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// Internet is two machines, made of network namespaces: the sender's, and the
// one of all other servers.
type Internet struct {
	name string
	made []string // namespaces
}

// The addresses of the machines (RFC 5737).
const (
	SenderAddress = "192.0.2.1"
	FarAddress    = "192.0.2.25"
)

// NewInternet creates the machines. Close removes them, also after an error.
func NewInternet() (*Internet, error) {
	n := &Internet{name: fmt.Sprintf("ll%d", os.Getpid())}
	for _, machine := range []string{"sender", "far"} {
		if err := toEnd(exec.Command("ip", "netns", "add", n.name+machine)); err != nil {
			return n, err
		}
		n.made = append(n.made, n.name+machine)
	}
	for _, on := range []struct{ machine, command string }{
		{"sender", "link add eth0 type veth peer name eth0 netns " + n.name + "far"},
		{"sender", "addr add " + SenderAddress + "/24 dev eth0"},
		{"sender", "link set lo up"},
		{"sender", "link set eth0 up"},
		{"far", "addr add " + FarAddress + "/24 dev eth0"},
		{"far", "link set lo up"},
		{"far", "link set eth0 up"},
	} {
		if err := toEnd(n.On(on.machine, "ip", strings.Fields(on.command)...)); err != nil {
			return n, err
		}
	}
	return n, nil
}

// On returns a command that runs on one of the machines: sender or far.
func (n *Internet) On(machine, program string, args ...string) *exec.Cmd {
	return onMachine(n.name+machine, exec.Command(program, args...))
}

// Close removes the machines.
func (n *Internet) Close() error {
	var errs []error
	for _, name := range n.made {
		errs = append(errs, toEnd(exec.Command("ip", "netns", "delete", name)))
	}
	return errors.Join(errs...)
}
