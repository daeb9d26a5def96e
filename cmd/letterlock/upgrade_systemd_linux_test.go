package main

import (
	"crypto/tls"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/letterlock/letterlock/internal/test/loopback"
	"github.com/letterlock/letterlock/internal/test/wait"
)

// Under systemd the new process becomes the main process and a child of systemd. It
// keeps the sockets that systemd has opened, and feeds the watchdog.
func TestUpgradeUnderSystemd(t *testing.T) {
	s, f := newSystemd(t), newFolder(t)
	f.configure("hostname: mail.example.com\nprobe: false\ncertificates: [{cert: cert.pem, key: key.pem}]\nlisteners: [{service: imaps, backend: \"{imap}\"}]\n")
	socket := loopback.Listen(t).(*net.TCPListener)
	var log wait.Log
	program := s.start(f.file(), socket, &log)
	s.want("READY=1")
	pid := program.Process.Pid
	for range 3 {
		if err := syscall.Kill(pid, syscall.SIGUSR2); err != nil {
			t.Fatal(err)
		}
		next, err := strconv.Atoi(strings.TrimPrefix(s.want("MAINPID="), "MAINPID="))
		if err != nil || next == pid {
			t.Fatalf("%d, %v\n%s", next, err, &log)
		}
		defer func() { _ = syscall.Kill(next, syscall.SIGKILL) }()
		s.want("READY=1")
		s.want("WATCHDOG=1")
		if got := parent(t, next); got != os.Getpid() {
			t.Errorf("the parent of the new process is %d, not %d", got, os.Getpid())
		}
		conn, err := tls.Dial("tcp", socket.Addr().String(), &tls.Config{RootCAs: f.ca.Pool, ServerName: "mail.example.com"})
		if err != nil {
			t.Fatalf("%v\n%s", err, &log)
		}
		_ = conn.Close()
		wait.Until(t, "the old process does not end", func() bool { return !runs(pid) })
		pid = next
	}
	if err := syscall.Kill(pid, syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	s.want("STOPPING=1\nEXTEND_TIMEOUT_USEC=")
	var status syscall.WaitStatus
	wait.Until(t, "the process does not end", func() bool {
		ended, err := syscall.Wait4(pid, &status, syscall.WNOHANG, nil)
		return err == nil && ended == pid
	})
	if status.ExitStatus() != exitOK {
		t.Errorf("exit status %d\n%s", status.ExitStatus(), &log)
	}
	if strings.Contains(log.String(), "systemd does not learn") {
		t.Error(&log)
	}
}

// parent returns the parent of a process.
func parent(t *testing.T, pid int) int {
	t.Helper()
	status, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	if err != nil {
		t.Fatal(err)
	}
	_, behind, _ := strings.Cut(string(status), "\nPPid:\t")
	line, _, _ := strings.Cut(behind, "\n")
	number, err := strconv.Atoi(line)
	if err != nil {
		t.Fatal(err)
	}
	return number
}
