//go:build linux

package peers

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

// Release is a Debian release. The proxies of its packages run in its own root.
type Release struct {
	Name     string // for example Debian 12
	codename string
	root     string
	enter    string // the path of e2e/enter, which runs a command in a root
}

// Releases returns the Debian releases whose proxies are measured. It finds
// their roots with e2e/root, relative to the current folder.
func Releases() ([]Release, error) {
	all := []Release{{Name: "Debian 12", codename: "bookworm"}, {Name: "Debian 13", codename: "trixie"}}
	enter, err := filepath.Abs("e2e/enter")
	if err != nil {
		return nil, err
	}
	for i := range all {
		out, err := exec.Command("e2e/root", "--path", all[i].codename, "proxies").Output()
		if err != nil {
			return nil, fmt.Errorf("%s %w: bench/install makes its root, and bench runs in the folder above e2e", all[i].Name, errNotInstalled)
		}
		all[i].root, all[i].enter = strings.TrimSpace(string(out)), enter
	}
	return all, nil
}

// version returns the version of an installed package.
func (r Release) version(pkg string) (string, error) {
	out, err := exec.Command("dpkg-query", "--admindir", filepath.Join(r.root, "var/lib/dpkg"),
		"--show", "--showformat=${Version} ${db:Status-Status}", pkg).Output()
	version, status, _ := strings.Cut(string(out), " ")
	if err != nil || status != "installed" {
		return "", fmt.Errorf("%s of %s %w: bench/install installs it", pkg, r.Name, errNotInstalled)
	}
	return version, nil
}

// inside makes a command run in the root. The command sees the folder at the
// same path, and uses the machine's network.
func (r Release) inside(folder string, cmd *exec.Cmd) *exec.Cmd {
	entered := exec.Command(r.enter, append([]string{r.root, folder}, cmd.Args...)...)
	entered.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWPID | syscall.CLONE_NEWUTS}
	return entered
}
