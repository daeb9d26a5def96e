package world

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// The sets of packages that are installed side by side; e2e/root lists the
// packages.
const (
	postfixDovecot = "postfix-dovecot"
	eximCyrus      = "exim-cyrus"
	names          = "names" // DNS servers
)

// defaultRelease is the Debian release whose servers are started if a test does
// not select one.
const defaultRelease = "bookworm"

// Root is a Debian in a folder, in which servers run. Its programs, users and
// settings are separate from those of this machine.
type Root struct {
	path       string
	nameserver string // that the programs ask; empty: none
}

// Root finds the root with a set of packages. e2e/root must have built it.
func (w *World) Root(set string) (*Root, error) {
	if root := w.roots[set]; root != nil {
		return root, nil
	}
	path, err := exec.Command("./root", "--path", w.Release, set).Output()
	if err != nil {
		if exit, ok := errors.AsType[*exec.ExitError](err); ok {
			return nil, fmt.Errorf("%s", exit.Stderr)
		}
		return nil, err
	}
	root := &Root{path: strings.TrimSpace(string(path))}
	w.roots[set] = root
	return root, nil
}

// Command returns a command that runs a program in the root. The program shares
// the network and the world's folder with the test; its other files and its
// processes end with it.
func (r *Root) Command(folder, program string, args ...string) *exec.Cmd {
	cmd := exec.Command("./enter", append([]string{r.path, folder, program}, args...)...)
	if r.nameserver != "" {
		cmd.Env = append(os.Environ(), "NAMESERVER="+r.nameserver)
	}
	return contained(cmd)
}

// asking returns the root with a DNS server, at port 53, for its programs.
func (r *Root) asking(nameserver string) *Root { return &Root{r.path, nameserver} }

// Version returns the upstream version of a package.
func (r *Root) Version(name string) (string, error) {
	text, err := os.ReadFile(filepath.Join(r.path, "var/lib/dpkg/status"))
	if err != nil {
		return "", err
	}
	version := regexp.MustCompile(`(?m)^Package: ` + name + `\n(?:.+\n)*?Version: (?:\d+:)?([\d.]+(?:p\d+)?)`).FindSubmatch(text)
	if version == nil {
		return "", fmt.Errorf("%s has no package %s", r.path, name)
	}
	return string(version[1]), nil
}

// user returns the id of a user of the root.
func (r *Root) user(name string) (id int, err error) {
	text, err := os.ReadFile(filepath.Join(r.path, "etc/passwd"))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if fields := strings.Split(line, ":"); len(fields) > 2 && fields[0] == name {
			return strconv.Atoi(fields[2])
		}
	}
	return 0, fmt.Errorf("%s has no user %s", r.path, name)
}

// give makes a user of the root the owner of a folder and all its content.
func (r *Root) give(folder, owner string) error {
	id, err := r.user(owner)
	if err != nil {
		return err
	}
	return filepath.WalkDir(folder, func(path string, _ os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, id, -1)
	})
}
