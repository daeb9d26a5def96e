package world

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// Site is the network that the guides in docs/guides describe: the machine mail with
// Letterlock, the machine old with the old server, and the machine client on the
// Internet. Mail forwards packets between the other two.
type Site struct {
	w        *World
	name     string
	made     []string // namespaces
	machines map[string]*Machine
}

// The addresses of the guides.
const (
	MailAddress     = "192.0.2.10" // of mail, for clients
	SiteClient      = "198.51.100.7"
	OldAddress      = "10.0.0.5"
	MailBackAddress = "10.0.0.1" // of mail, for the old server
)

// NewSite makes the network. Close removes what there is, also after an error.
func (w *World) NewSite() (*Site, error) {
	w.sites++
	s := &Site{w: w, name: fmt.Sprintf("ls%d-%d-", os.Getpid(), w.sites), machines: make(map[string]*Machine)}
	for _, machine := range []string{"client", "mail", "old"} {
		if err := toEnd(exec.Command("ip", "netns", "add", s.name+machine)); err != nil {
			return s, err
		}
		s.made = append(s.made, s.name+machine)
	}
	for _, on := range []struct{ machine, command string }{
		{"mail", "link add front type veth peer name eth0 netns " + s.name + "client"},
		{"mail", "link add back type veth peer name eth0 netns " + s.name + "old"},
		{"client", "addr add " + SiteClient + "/24 dev eth0"},
		{"client", "link set lo up"},
		{"client", "link set eth0 up"},
		{"client", "route add default via 198.51.100.1"},
		{"mail", "addr add 198.51.100.1/24 dev front"},
		{"mail", "addr add " + MailAddress + "/32 dev front"},
		{"mail", "addr add " + MailBackAddress + "/24 dev back"},
		{"mail", "link set lo up"},
		{"mail", "link set front up"},
		{"mail", "link set back up"},
		{"old", "addr add " + OldAddress + "/24 dev eth0"},
		{"old", "link set lo up"},
		{"old", "link set eth0 up"},
		{"old", "route add default via " + MailBackAddress},
	} {
		if err := toEnd(s.On(on.machine, "ip", strings.Fields(on.command)...)); err != nil {
			return s, err
		}
	}
	return s, nil
}

// Start starts a machine in a root with a set of packages.
func (s *Site) Start(name, set string) (*Machine, error) {
	root, err := s.w.Root(set)
	if err != nil {
		return nil, err
	}
	m := &Machine{Dir: filepath.Join(s.w.Dir, s.name, name), namespace: s.name + name}
	if err := errors.Join(s.w.folders(s.name+"/"+name), s.w.fillAll("guides", s.name+"/"+name, s)); err != nil {
		return nil, err
	}
	log := newLog()
	if m.syslog, err = listenToSyslog(m.Dir, log); err != nil {
		return nil, err
	}
	cmd := onMachine(m.namespace, root.Command(m.Dir, "sh", filepath.Join(m.Dir, "machine.sh")))
	if m.stdin, err = cmd.StdinPipe(); err != nil {
		return nil, errors.Join(err, m.syslog.Close())
	}
	if m.Process, err = run(name, log, cmd); err != nil {
		return nil, errors.Join(err, m.syslog.Close())
	}
	m.DiesOfSignal = true
	s.machines[name] = m
	_, err = m.Do("sh " + filepath.Join(m.Dir, "setup.sh") + " " + name)
	return m, err
}

// On is a command of this system on the network of a machine.
func (s *Site) On(machine, program string, args ...string) *exec.Cmd {
	return onMachine(s.name+machine, exec.Command(program, args...))
}

// Machine returns a machine that was started.
func (s *Site) Machine(name string) *Machine { return s.machines[name] }

// Close ends the machines and removes the network.
func (s *Site) Close() error {
	var errs []error
	for _, m := range s.machines {
		errs = append(errs, m.Stop())
	}
	for _, name := range s.made {
		errs = append(errs, toEnd(exec.Command("ip", "netns", "delete", name)))
	}
	return errors.Join(errs...)
}

// Machine is a Debian with a network of its own, in which commands are run as an
// administrator would. What they start runs on.
type Machine struct {
	Dir      string // is there under the same name
	*Process        // its log holds the lines that servers write to syslog

	namespace string
	syslog    net.PacketConn
	stdin     io.WriteCloser
	scripts   int
}

// Do runs commands until one fails, and returns what they print.
func (m *Machine) Do(commands string) (string, error) {
	m.scripts++
	path := filepath.Join(m.Dir, fmt.Sprintf("script-%d", m.scripts))
	if err := os.WriteFile(path, []byte(commands+"\n"), 0o600); err != nil {
		return "", err
	}
	if _, err := fmt.Fprintln(m.stdin, path); err != nil {
		return "", err
	}
	for end := time.Now().Add(Patience); time.Now().Before(end) && m.Running(); time.Sleep(20 * time.Millisecond) {
		status, err := os.ReadFile(path + ".status")
		if err != nil {
			continue // not yet
		}
		out, err := os.ReadFile(path + ".out")
		if text := strings.TrimSpace(string(status)); err == nil && text != "0" {
			err = fmt.Errorf("%s: status %s of\n%s\n%s", m.Name, text, commands, out)
		}
		return string(out), err
	}
	out, err := os.ReadFile(path + ".out")
	return string(out), errors.Join(err, fmt.Errorf("%s: no end of\n%s\n%s", m.Name, commands, out))
}

// Put writes a file, and makes its folder.
func (m *Machine) Put(path, text string) error {
	source := filepath.Join(m.Dir, "put")
	if err := os.WriteFile(source, []byte(text), 0o600); err != nil {
		return err
	}
	_, err := m.Do("mkdir -p " + filepath.Dir(path) + " && cp " + source + " " + path + " && chmod 644 " + path)
	return err
}

// Stop ends the machine.
func (m *Machine) Stop() error {
	return errors.Join(m.Process.Stop(), m.syslog.Close()) // the end of the process closes its input
}
