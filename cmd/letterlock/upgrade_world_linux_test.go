package main

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/letterlock/letterlock/internal/test/loopback"
	"github.com/letterlock/letterlock/internal/test/mta"
	"github.com/letterlock/letterlock/internal/test/wait"
)

// upgradable is a proxy in a process of its own, whose program can be replaced.
type upgradable struct {
	*folder
	program string // the installed file
	log     *wait.Log
	first   *exec.Cmd
	pids    []int // of all processes, the serving one last
}

// newUpgradable starts the proxy with a configuration, as folder.configure takes it.
func newUpgradable(f *folder, text string) *upgradable {
	f.Helper()
	f.configure(text)
	u := &upgradable{folder: f, program: filepath.Join(f.path, "letterlock"), log: &wait.Log{}}
	u.install(u.ownProgram())
	u.first = exec.CommandContext(f.Context(), u.program, "serve", "--config", f.file())
	u.first.Env, u.first.Stderr = append(os.Environ(), asProgram+"=1"), u.log
	u.first.Cancel = func() error { return u.first.Process.Kill() }
	u.first.WaitDelay = time.Second // its successors have its standard error
	f.Cleanup(func() {
		for _, pid := range u.pids {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
		_ = u.first.Wait()
	})
	if err := u.first.Start(); err != nil {
		f.Fatal(err)
	}
	u.pids = []int{u.first.Process.Pid}
	if !wait.Happens(u.controlled) {
		f.Fatalf("it does not start:\n%s", u.log)
	}
	return u
}

// loaded is an upgradable proxy, a backend that keeps mail, and a client that sends
// letters through both.
type loaded struct {
	*upgradable
	services services
	keeper   *mortal
	mail     string // the folder with the kept letters
	sender   *mta.Sender
}

func newLoaded(t *testing.T, letters int) *loaded {
	t.Helper()
	l := &loaded{services: newServices(t), mail: t.TempDir()}
	l.keeper = &mortal{t: t, env: asKeeper + "=" + l.mail, address: loopback.FreeAddress(t)}
	l.keeper.args = []string{l.keeper.address}
	l.keeper.start()
	t.Cleanup(l.keeper.kill)
	l.upgradable = newUpgradable(newFolder(t), l.services.configuration(l.keeper.address, ""))
	l.sender = &mta.Sender{Address: func() string { return l.services.smtp }, TLS: l.clientTLS(), To: "b@example.com", Letters: letters, Sessions: 6}
	return l
}

// send starts to send the letters. wait returns them when all are sent.
func (l *loaded) send() (wait func() []mta.Letter) {
	done := make(chan []mta.Letter, 1)
	go func() { done <- l.sender.Run(l.Context()) }()
	return func() []mta.Letter { return <-done }
}

// leavesIdle fails the test unless the session in IDLE goes on.
func (l *loaded) leavesIdle(c *conversation) {
	l.Helper()
	for _, step := range [][2]string{{"DONE", "c OK"}, {"d NOOP", "d OK"}} {
		if err := c.ask(step[0], step[1]); err != nil {
			l.Errorf("the session in IDLE: %v", err)
		}
	}
}

// controlled reports whether the socket for requests is open.
func (u *upgradable) controlled() bool {
	_, err := os.Stat(filepath.Join(u.path, "state", "upgrade.sock"))
	return err == nil
}

// ownProgram returns the binary of the tests.
func (u *upgradable) ownProgram() []byte {
	u.Helper()
	self, err := os.Executable()
	if err != nil {
		u.Fatal(err)
	}
	text, err := os.ReadFile(self)
	if err != nil {
		u.Fatal(err)
	}
	return text
}

// install replaces the program as a package does: by a new file with the same name.
func (u *upgradable) install(program []byte) {
	u.Helper()
	// A child of a parallel test that is forked meanwhile would hold the file open for
	// writing until its exec, and the program could not be started (ETXTBSY).
	syscall.ForkLock.RLock()
	err := os.WriteFile(u.program+".new", program, 0o755)
	syscall.ForkLock.RUnlock()
	if err != nil {
		u.Fatal(err)
	}
	if err := os.Rename(u.program+".new", u.program); err != nil {
		u.Fatal(err)
	}
}

// installScript installs a shell script that ends as the program that was installed
// before, with these commands first.
func (u *upgradable) installScript(commands string) {
	u.Helper()
	real := filepath.Join(u.path, "real")
	if _, err := os.Stat(real); err != nil {
		if err := os.Rename(u.program, real); err != nil {
			u.Fatal(err)
		}
	}
	u.install(fmt.Appendf(nil, "#!/bin/bash\n%s\nexec %q \"$@\"\n", commands, real))
}

// serving is the number of the process that accepts connections.
func (u *upgradable) serving() int { return u.pids[len(u.pids)-1] }

func (u *upgradable) signal(s syscall.Signal) {
	u.Helper()
	if err := syscall.Kill(u.serving(), s); err != nil {
		u.Fatal(err)
	}
}

var takenOver = regexp.MustCompile(`has taken over" process=(\d+)`)

// ask runs `letterlock upgrade` to its end.
func (u *upgradable) ask() (status int, out string) {
	u.Helper()
	command := exec.CommandContext(u.Context(), os.Args[0], "upgrade", "--config", u.file())
	command.Env = append(os.Environ(), asProgram+"=1")
	text, err := command.CombinedOutput()
	if failed, ok := errors.AsType[*exec.ExitError](err); ok {
		return failed.ExitCode(), string(text)
	}
	if err != nil {
		u.Fatal(err)
	}
	return exitOK, string(text)
}

// upgrade replaces the process, by a command or by a signal.
func (u *upgradable) upgrade(bySignal bool) {
	u.Helper()
	if bySignal {
		u.signal(syscall.SIGUSR2)
	} else if status, out := u.ask(); status != exitOK {
		u.Fatalf("letterlock upgrade: %d %s\n%s", status, out, u.log)
	}
	u.follow(len(u.pids))
}

// follow waits until so many upgrades are done, and remembers the new process.
func (u *upgradable) follow(upgrades int) {
	u.Helper()
	var found [][]string
	if !wait.Happens(func() bool {
		found = takenOver.FindAllStringSubmatch(u.log.String(), -1)
		return len(found) >= upgrades
	}) {
		u.Fatalf("no upgrade:\n%s", u.log)
	}
	pid, err := strconv.Atoi(found[len(found)-1][1])
	if err != nil || pid == u.serving() {
		u.Fatalf("%s, %v", found, err)
	}
	u.pids = append(u.pids, pid)
}

// wantLog waits for a text in the log of all processes.
func (u *upgradable) wantLog(want string) {
	u.Helper()
	if !wait.Happens(func() bool { return strings.Contains(u.log.String(), want) }) {
		u.Errorf("no %q in the log:\n%s", want, u.log)
	}
}

// runs reports whether a process has not ended.
func runs(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	_, state, _ := bytes.Cut(stat, []byte(") "))
	return err == nil && !bytes.HasPrefix(state, []byte("Z"))
}

// descriptors counts the open descriptors of a process, and the listening sockets
// among them.
func descriptors(t *testing.T, pid int) (all, listening int) {
	t.Helper()
	table, err := os.ReadFile(fmt.Sprintf("/proc/%d/net/tcp", pid))
	if err != nil {
		t.Fatal(err)
	}
	inodes := map[string]bool{}
	for line := range strings.Lines(string(table)) {
		if fields := strings.Fields(line); len(fields) > 9 && fields[3] == "0A" {
			inodes["socket:["+fields[9]+"]"] = true
		}
	}
	folder := fmt.Sprintf("/proc/%d/fd", pid)
	files, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if to, err := os.Readlink(filepath.Join(folder, f.Name())); err == nil {
			all++
			if inodes[to] {
				listening++
			}
		}
	}
	return all, listening
}

// conversation is a client's connection over TLS.
type conversation struct {
	conn  *tls.Conn
	lines *bufio.Reader
}

// converse connects to a port with implicit TLS and reads the greeting.
func (u *upgradable) converse(address string, cache tls.ClientSessionCache) (*conversation, error) {
	conn, err := tls.Dial("tcp", address, &tls.Config{RootCAs: u.ca.Pool, ServerName: "mail.example.com", ClientSessionCache: cache})
	if err != nil {
		return nil, err
	}
	_ = conn.SetDeadline(time.Now().Add(5 * time.Minute))
	c := &conversation{conn, bufio.NewReader(conn)}
	if _, err := c.lines.ReadString('\n'); err != nil {
		_ = conn.Close()
		return nil, fmt.Errorf("greeting: %w", err)
	}
	return c, nil
}

// ask sends a command and reads up to a line that begins with a text.
func (c *conversation) ask(command, want string) error {
	if _, err := io.WriteString(c.conn, command+"\r\n"); err != nil {
		return err
	}
	return c.read(want)
}

func (c *conversation) read(want string) error {
	var said strings.Builder
	for {
		line, err := c.lines.ReadString('\n')
		said.WriteString(line)
		if err != nil {
			return fmt.Errorf("no %q in %q: %w", want, said.String(), err)
		}
		if strings.HasPrefix(line, want) {
			return nil
		}
	}
}
