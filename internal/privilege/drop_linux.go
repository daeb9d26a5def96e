package privilege

import (
	"fmt"
	"os"
	"os/user"
	"runtime"
	"strconv"

	"golang.org/x/sys/unix"
)

// Drop executes the program again as a user, with the same arguments and open
// files, in the same process. The program keeps no right of root but to open
// ports below 1024 (CAP_NET_BIND_SERVICE), as with AmbientCapabilities= in a
// unit of systemd, and with netAdmin CAP_NET_ADMIN. folders are created for the
// user if they are missing. Drop returns only an error, and nil if the process does
// not run as root.
func Drop(name string, netAdmin bool, folders ...string) error {
	if os.Geteuid() != 0 {
		return nil
	}
	to, err := lookUp(name)
	if err != nil {
		return err
	}
	for _, folder := range folders {
		if err := to.own(folder); err != nil {
			return err
		}
	}
	program, err := os.Executable()
	if err != nil {
		return fmt.Errorf("executing the program again as user %s: %w", name, err)
	}
	runtime.LockOSThread() // rights belong to a thread, and the process gets those of the thread that executes the program
	for _, step := range []struct {
		name string
		do   func() error
	}{
		{"keeping capabilities", func() error { return unix.Prctl(unix.PR_SET_KEEPCAPS, 1, 0, 0, 0) }},
		{"setting the groups", func() error { return to.setGroups() }},
		{"setting the user", func() error { return to.setUser() }},
		{"keeping capabilities for the network", func() error { return keep(netAdmin) }},
		{"executing " + program, func() error { return unix.Exec(program, os.Args, os.Environ()) }},
	} {
		if err := step.do(); err != nil {
			return fmt.Errorf("changing to user %s: %s: %w", name, step.name, err)
		}
	}
	return nil
}

// account is a user and the groups that the user is a member of.
type account struct {
	name     string
	uid, gid int
	groups   []int // gid among them
}

func lookUp(name string) (account, error) {
	u, err := user.Lookup(name)
	if err != nil {
		return account{}, fmt.Errorf("changing to user %s: %w", name, err)
	}
	a := account{name: name}
	if a.uid, err = strconv.Atoi(u.Uid); err != nil {
		return a, fmt.Errorf("changing to user %s: %w", name, err)
	}
	if a.gid, err = strconv.Atoi(u.Gid); err != nil {
		return a, fmt.Errorf("changing to user %s: %w", name, err)
	}
	if a.uid == 0 {
		return a, fmt.Errorf("user %s has all rights of root: name another user", name)
	}
	groups, err := u.GroupIds()
	if err != nil {
		return a, fmt.Errorf("reading the groups of user %s: %w", name, err)
	}
	for _, text := range groups {
		if id, err := strconv.Atoi(text); err == nil {
			a.groups = append(a.groups, id)
		}
	}
	return a, nil
}

// own creates a folder for the user. It leaves alone a folder that exists.
func (a account) own(folder string) error {
	err := os.Mkdir(folder, 0o700)
	switch {
	case os.IsExist(err):
		return nil
	case err != nil:
		return fmt.Errorf("making a folder for user %s: %w", a.name, err)
	}
	if err := os.Chown(folder, a.uid, a.gid); err != nil {
		return fmt.Errorf("making a folder for user %s: %w", a.name, err)
	}
	return nil
}

// setGroups and setUser call the kernel directly, because the functions of the
// package syscall change all threads, which programs with cgo cannot.
func (a account) setGroups() error {
	ids := make([]uint32, 0, len(a.groups))
	for _, id := range a.groups {
		ids = append(ids, uint32(id)) //nolint:gosec // G115: an identifier of the kernel's, which has 32 bits
	}
	return setGroups(ids)
}

func (a account) setUser() error {
	if err := setID(setresgid, a.gid); err != nil {
		return err
	}
	return setID(setresuid, a.uid)
}

// keep gives up all capabilities but CAP_NET_BIND_SERVICE, and with netAdmin
// CAP_NET_ADMIN. These outlive the execution of the program.
func keep(netAdmin bool) error {
	kept := []int{unix.CAP_NET_BIND_SERVICE}
	if netAdmin {
		kept = append(kept, unix.CAP_NET_ADMIN)
	}
	var bits uint32
	for _, capability := range kept {
		bits |= 1 << capability
	}
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	sets := [2]unix.CapUserData{{Effective: bits, Permitted: bits, Inheritable: bits}}
	if err := unix.Capset(&header, &sets[0]); err != nil {
		return err
	}
	for _, capability := range kept {
		if err := unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_RAISE, uintptr(capability), 0, 0); err != nil {
			return err
		}
	}
	return nil
}
