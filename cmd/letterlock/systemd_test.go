package main

import (
	"crypto/tls"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/letterlock/letterlock/internal/test/loopback"
	"github.com/letterlock/letterlock/internal/test/wait"
)

// systemdTest is a service manager: it has the socket for notifications.
type systemdTest struct {
	*testing.T
	path string
	conn *net.UnixConn
}

func newSystemd(t *testing.T) *systemdTest {
	t.Helper()
	path := filepath.Join(t.TempDir(), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return &systemdTest{t, path, conn}
}

// want reads messages until one begins with a text, and returns that one.
func (s *systemdTest) want(prefix string) string {
	s.Helper()
	_ = s.conn.SetReadDeadline(time.Now().Add(20 * time.Second))
	for {
		b := make([]byte, 4096)
		n, err := s.conn.Read(b)
		if err != nil {
			s.Fatalf("no message %s: %v", prefix, err)
		}
		if text := string(b[:n]); strings.HasPrefix(text, prefix) {
			return text
		}
	}
}

// start runs the program as systemd does, with a socket that is called imaps.
func (s *systemdTest) start(file string, socket *net.TCPListener, log *wait.Log) *exec.Cmd {
	s.Helper()
	self, err := os.Executable()
	if err != nil {
		s.Fatal(err)
	}
	inherited, err := socket.File()
	if err != nil {
		s.Fatal(err)
	}
	defer inherited.Close()
	// The shell knows the number of the process that it becomes.
	program := exec.CommandContext(s.Context(), "/bin/sh", "-c", `LISTEN_PID=$$ exec "$0" "$@"`, self, "serve", "--config", file)
	program.Env = append(os.Environ(), asProgram+"=1", "LISTEN_FDS=1", "LISTEN_FDNAMES=imaps", "NOTIFY_SOCKET="+s.path, "WATCHDOG_USEC=200000")
	program.ExtraFiles, program.Stderr = []*os.File{inherited}, log
	if err := program.Start(); err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() { _ = program.Process.Kill(); _ = program.Wait() })
	return program
}

// A service under systemd with socket activation serves on the socket that it
// inherits, and reports each change of its state.
func TestUnderSystemd(t *testing.T) {
	t.Parallel()
	s, f := newSystemd(t), newFolder(t)
	const text = "hostname: mail.example.com\nprobe: false\ncertificates: [{cert: cert.pem, key: key.pem}]\nlisteners: [{service: imaps, backend: \"{imap}\"}]\n"
	f.configure(text)
	socket := loopback.Listen(t).(*net.TCPListener)
	var log wait.Log
	program := s.start(f.file(), socket, &log)
	if got := s.want("READY=1"); got != "READY=1\nSTATUS=sessions: 0, listeners: 1" {
		t.Errorf("%q", got)
	}
	conn, err := tls.Dial("tcp", socket.Addr().String(), &tls.Config{RootCAs: f.ca.Pool, ServerName: "mail.example.com"})
	if err != nil {
		t.Fatalf("%v\n%s", err, &log)
	}
	defer conn.Close()
	s.want("WATCHDOG=1\nSTATUS=sessions: 1, listeners: 1")
	f.configure("policy: none\n" + text)
	if err := program.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	s.want("RELOADING=1\nMONOTONIC_USEC=")
	if got := s.want("READY=1"); !strings.Contains(got, "the new configuration was refused") {
		t.Errorf("%q", got)
	}
	if err := program.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	s.want("STOPPING=1\nEXTEND_TIMEOUT_USEC=")
	if err := program.Wait(); err != nil {
		t.Errorf("%v\n%s", err, &log)
	}
}

// A socket that no listener uses would keep its clients waiting in vain.
func TestSocketWithoutListener(t *testing.T) {
	t.Parallel()
	s, f := newSystemd(t), newFolder(t)
	f.configure("hostname: mail.example.com\nprobe: false\nlisteners: [{service: pop3s, listen: \"{host}:0\", backend: \"{pop3}\"}]\n")
	socket := loopback.Listen(t).(*net.TCPListener)
	var log wait.Log
	if err := s.start(f.file(), socket, &log).Wait(); err == nil || !strings.Contains(log.String(), `socket "imaps" on `+loopback.Host()) {
		t.Errorf("%v\n%s", err, &log)
	}
}
