package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/letterlock/letterlock/internal/test/wait"
)

// If the new program or its configuration has a fault, the old process continues,
// and the command and the log say why.
func TestUpgradeFails(t *testing.T) {
	f, s := newFolder(t), newServices(t)
	good := s.configuration("127.0.0.1:9", "")
	u := newUpgradable(f, good)
	idle := u.idle(s.imaps)
	real := u.ownProgram()
	for _, c := range []struct {
		name   string
		damage func()
		want   string
	}{
		{"another program", func() { u.install([]byte("#!/bin/sh\nexit 0\n")) }, "it ended before it was ready, or it is another program"},
		{"no program", func() { u.install([]byte("neither")) }, "exec format error"},
		{"a missing file", func() { _ = os.Remove(u.program) }, "no such file or directory"},
		{"a program that fails", func() { u.install([]byte("#!/bin/sh\necho broken >&2\nexit 1\n")) }, "it ended before it was ready"},
	} {
		c.damage()
		status, out := u.ask()
		if status != exitFailed || !strings.Contains(out, "the running proxy continues: ") || !strings.Contains(out, c.want) {
			t.Errorf("%s: %d %s", c.name, status, out)
		}
		u.wantLog("upgrade: this process continues\" error=\"")
		u.wantLog(c.want)
		if err := u.everyService(s); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	u.install(real)
	for text, want := range map[string]string{
		strings.Replace(good, "probe: false", "policy: strictest", 1): `unknown key "policy"`,
		strings.Replace(good, s.pop3s, s.sieve+"9", 1):                "port",
		"": "listeners",
	} {
		f.configure(text)
		mark := len(u.log.String())
		if status, out := u.ask(); status != exitFailed || !strings.Contains(out, want) || !strings.Contains(out, "the running proxy continues") {
			t.Errorf("%d %s", status, out)
		}
		u.wantReason(mark, "`letterlock upgrade` found an error in the configuration: ", want)
		u.signal(syscall.SIGUSR2)
		u.wantReason(mark, "it cannot start: ", want)
		if err := u.everyService(s); err != nil {
			t.Error(err)
		}
	}
	f.configure(good)
	if err := idle.ask("DONE", "c OK"); err != nil {
		t.Error(err)
	}
	u.upgrade(false)
	if err := u.everyService(s); err != nil {
		t.Error(err)
	}
}

// wantReason waits for a line of the log behind a mark, about an upgrade that was
// refused for a reason.
func (u *upgradable) wantReason(mark int, found, reason string) {
	u.Helper()
	wait.Until(u.T, "the log does not say why: "+found+reason, func() bool {
		return slices.ContainsFunc(strings.Split(u.log.String()[mark:], "\n"), func(line string) bool {
			line = strings.ReplaceAll(line, `\"`, `"`)
			return strings.Contains(line, "upgrade: this process continues") && strings.Contains(line, found) && strings.Contains(line, reason)
		})
	})
}

// blocked is an upgrade whose new process waits until release is called.
func (u *upgradable) blocked() (release func()) {
	u.Helper()
	pipe, here := filepath.Join(u.path, "pipe"), filepath.Join(u.path, "here")
	_ = os.Remove(pipe)
	_ = os.Remove(here)
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		u.Fatal(err)
	}
	u.installScript("echo here >'" + here + "'\nread line <'" + pipe + "'")
	return sync.OnceFunc(func() {
		if err := os.WriteFile(pipe, []byte("go\n"), 0o600); err != nil {
			u.Error(err)
		}
	})
}

// begun waits until the new process of a blocked upgrade has started.
func (u *upgradable) begun() {
	u.Helper()
	wait.Until(u.T, "no new process starts", func() bool {
		_, err := os.Stat(filepath.Join(u.path, "here"))
		return err == nil
	})
}

// A second upgrade is refused while the first is under way. A reload waits, and is
// done by the new process.
func TestTwoUpgradesAndAReload(t *testing.T) {
	f, s := newFolder(t), newServices(t)
	u := newUpgradable(f, s.configuration("127.0.0.1:9", ""))
	release := u.blocked()
	defer release()
	var first sync.WaitGroup
	first.Go(func() {
		if status, out := u.ask(); status != exitOK || !strings.Contains(out, "has taken over") {
			t.Errorf("%d %s", status, out)
		}
	})
	u.begun()
	if status, out := u.ask(); status != exitFailed || !strings.Contains(out, "an upgrade is under way already") {
		t.Errorf("%d %s", status, out)
	}
	u.signal(syscall.SIGUSR2)
	wait.Until(t, "the signal is not refused", func() bool { return strings.Count(u.log.String(), "under way already") == 2 })
	u.signal(syscall.SIGHUP)
	if err := u.everyService(s); err != nil {
		t.Error(err)
	}
	release()
	first.Wait()
	u.follow(1)
	u.wantLog("msg=reloaded")
	if err := u.everyService(s); err != nil {
		t.Error(err)
	}
}

// If the old process is killed in the middle, the new one serves without its state.
func TestOldProcessIsKilled(t *testing.T) {
	f, s := newFolder(t), newServices(t)
	u := newUpgradable(f, s.configuration("127.0.0.1:9", ""))
	release := u.blocked()
	defer release()
	u.signal(syscall.SIGUSR2)
	u.begun()
	u.signal(syscall.SIGKILL)
	wait.Until(t, "the old process does not end", func() bool { return !runs(u.pids[0]) })
	release()
	wait.Until(t, "nothing serves", func() bool { return u.everyService(s) == nil })
	u.wantLog("the state of the old process is lost")
	if status, out := u.ask(); status != exitOK {
		t.Errorf("%d %s", status, out)
	}
	u.follow(1)
	u.signal(syscall.SIGKILL)
}

// SIGTERM in the middle ends both processes.
func TestStopDuringAnUpgrade(t *testing.T) {
	t.Parallel()
	f, s := newFolder(t), newServices(t)
	u := newUpgradable(f, s.configuration("127.0.0.1:9", ""))
	release := u.blocked()
	var asking sync.WaitGroup
	asking.Go(func() {
		if status, out := u.ask(); status != exitFailed || !strings.Contains(out, "the service is being stopped") {
			t.Errorf("%d %s", status, out)
		}
	})
	u.begun()
	u.signal(syscall.SIGTERM)
	asking.Wait()
	wait.Until(t, "the old process does not end", func() bool { return !runs(u.pids[0]) })
	pipe, err := os.OpenFile(filepath.Join(u.path, "pipe"), os.O_WRONLY|syscall.O_NONBLOCK, 0)
	if err == nil {
		t.Error("the new process still waits")
		_ = pipe.Close()
		release()
	}
	if open(s.imaps) {
		t.Error("a port is open")
	}
}
