package main

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/letterlock/letterlock/internal/health"
	"github.com/letterlock/letterlock/internal/test/loopback"
	"github.com/letterlock/letterlock/internal/test/wait"
)

// serveHealth serves an answer on a status page's address.
func serveHealth(t *testing.T, why ...string) string {
	t.Helper()
	mux := http.NewServeMux()
	health.Checks{Ready: func() []string { return why }}.Register(mux)
	socket := loopback.Listen(t)
	s := &http.Server{Handler: mux, ReadHeaderTimeout: time.Minute}
	go func() { _ = s.Serve(socket) }()
	t.Cleanup(func() { _ = s.Close() })
	return socket.Addr().String()
}

func TestHealth(t *testing.T) {
	ready, unready := serveHealth(t), serveHealth(t, "imaps on :993: no backend is up: connection refused")
	closed := serveHealth(t)
	file := writeFile(t, "state_dir: "+t.TempDir()+"\nstatus: {listen: '"+unready+"'}\nlisteners: [{service: imaps, backend: b}]\n")
	broken := writeFile(t, "listeners: [{service: imaps, backend: b, polcy: x}]\n")
	for name, c := range map[string]struct {
		args   []string
		status int
		want   string
	}{
		"ready":               {[]string{"--address", ready}, exitOK, "ready\n"},
		"not ready":           {[]string{"--address", unready}, exitFailed, "letterlock: not ready: imaps on :993: no backend is up: connection refused\n"},
		"alive":               {[]string{"--address", unready, "--live"}, exitOK, "alive\n"},
		"of a configuration":  {[]string{file}, exitFailed, "letterlock: not ready: imaps"},
		"nothing there":       {[]string{"--address", "unix:/nonexistent/socket"}, exitFailed, "letterlock: unix:/nonexistent/socket: no answer: "},
		"the wrong file":      {[]string{"--config", broken}, exitFailed, "the configuration cannot be read: "},
		"a socket and a file": {[]string{"--config", broken, "--address", closed}, exitOK, "ready\n"},
	} {
		t.Run(name, func(t *testing.T) {
			status, out, said := words(append([]string{"health"}, c.args...)...)
			if status != c.status || !strings.Contains(out+said, c.want) {
				t.Errorf("%d %q %q", status, out, said)
			}
		})
	}
}

// The admin socket answers without a status page.
func TestHealthBySocket(t *testing.T) {
	t.Parallel()
	text := "hostname: mail.example.com\nprobe: false\nstate_dir: " + t.TempDir() + "\nlisteners: [{service: imaps, listen: \"{host}:0\", backend: \"127.0.0.1:9\"}]\n"
	file := writeFile(t, text)
	newInstance(t, file)
	wait.Until(t, "it does not become ready", func() bool { status, _, _ := words("health", file); return status == exitOK })
	for _, args := range [][]string{{"health", file}, {"health", "--config", file, "--live"}} {
		if status, out, said := words(args...); status != exitOK {
			t.Errorf("%q: %d %q %q", args, status, out, said)
		}
	}
}
