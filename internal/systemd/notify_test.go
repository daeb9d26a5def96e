package systemd

import (
	"context"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// manager receives the notifications of the service.
func manager(t *testing.T) (next func() string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	t.Setenv("NOTIFY_SOCKET", path)
	return func() string {
		t.Helper()
		_ = conn.SetReadDeadline(time.Now().Add(20 * time.Second))
		b := make([]byte, 4096)
		n, err := conn.Read(b)
		if err != nil {
			t.Fatal(err)
		}
		return string(b[:n])
	}
}

func TestNotify(t *testing.T) {
	next := manager(t)
	for _, c := range []struct {
		err  error
		want string
	}{
		{Ready("3 sessions,\n 2 listeners"), "READY=1\nSTATUS=3 sessions, 2 listeners"},
		{Stopping(30 * time.Second), "STOPPING=1\nEXTEND_TIMEOUT_USEC=30000000"},
	} {
		if got := next(); c.err != nil || got != c.want {
			t.Errorf("%q, %v, not %q", got, c.err, c.want)
		}
	}
	if err := Reloading(); err != nil {
		t.Fatal(err)
	}
	if got := next(); !strings.HasPrefix(got, "RELOADING=1\nMONOTONIC_USEC=") {
		t.Errorf("%q", got)
	}
}

// The keep-alive is sent after status has returned, and only with WatchdogSec.
func TestWatch(t *testing.T) {
	next := manager(t)
	t.Setenv("WATCHDOG_USEC", "20000")
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		Watch(ctx, func() string { return "well" })
	}()
	if got := next(); got != "WATCHDOG=1\nSTATUS=well" {
		t.Errorf("%q", got)
	}
	cancel()
	<-ended
}

func TestWithoutSystemd(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", "")
	if err := Ready("well"); err != nil {
		t.Error(err)
	}
	Watch(t.Context(), nil) // returns at once
}

func TestManagerIsGone(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", filepath.Join(t.TempDir(), "nothing"))
	if err := Ready("well"); err == nil || !strings.Contains(err.Error(), "notifying systemd") {
		t.Errorf("%v", err)
	}
}
