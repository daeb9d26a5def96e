//go:build unix

package upgrade

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// folder returns a short path: that of a Unix socket has 107 bytes at most.
func folder(t *testing.T) string {
	t.Helper()
	path, err := os.MkdirTemp("", "upgrade")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(path) })
	return filepath.Join(path, "state")
}

func newControl(t *testing.T, folder string) *Control {
	t.Helper()
	c, err := NewControl(folder)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// serve answers all requests of a control.
func (c *Control) reply(reply Reply) (stop func()) {
	var serving sync.WaitGroup
	ctx, cancel := context.WithCancel(context.Background())
	serving.Go(func() {
		for {
			select {
			case request := <-c.Requests():
				request.Answer(reply)
			case <-ctx.Done():
				return
			}
		}
	})
	return func() {
		cancel()
		serving.Wait()
	}
}

func TestAsk(t *testing.T) {
	in := folder(t)
	if _, err := Ask(t.Context(), in); !errors.Is(err, ErrNotRunning) {
		t.Error(err)
	}
	c := newControl(t, in)
	stop := c.reply(Reply{PID: 7, Version: "2"})
	reply, err := Ask(t.Context(), in)
	if err != nil || reply != (Reply{PID: 7, Version: "2"}) {
		t.Errorf("%+v, %v", reply, err)
	}
	stop()
	defer c.reply(Reply{Error: "the configuration is wrong"})()
	if _, err := Ask(t.Context(), in); err == nil || err.Error() != "the configuration is wrong" {
		t.Error(err)
	}
	if reply, err := ask(t.Context(), in, question{}); err == nil {
		t.Errorf("an empty request gets %+v", reply)
	}
	info, err := os.Stat(filepath.Join(in, socketName))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
}

// The process learns why it is not asked for an upgrade.
func TestRefuse(t *testing.T) {
	in := folder(t)
	if err := Refuse(t.Context(), in, "line 7"); !errors.Is(err, ErrNotRunning) {
		t.Error(err)
	}
	c := newControl(t, in)
	why := make(chan string, 2)
	go func() {
		for range 2 {
			request := <-c.Requests()
			why <- request.Refused
			request.Answer(Reply{Error: request.Refused})
		}
	}()
	for _, text := range []string{"line 7: unknown key", strings.Repeat("\x00", 2*maxError)} {
		if err := Refuse(t.Context(), in, text); err != nil {
			t.Error(err)
		}
		if got := <-why; got != text[:min(len(text), maxError)] {
			t.Errorf("%.20q, %d bytes", got, len(got))
		}
	}
}

// The newer process has the socket. The end of the older one does not remove it.
func TestControlIsReplaced(t *testing.T) {
	in := folder(t)
	older, newer := newControl(t, in), newControl(t, in)
	defer older.reply(Reply{Version: "1"})()
	defer newer.reply(Reply{Version: "2"})()
	for range 2 {
		if reply, err := Ask(t.Context(), in); err != nil || reply.Version != "2" {
			t.Errorf("%+v, %v", reply, err)
		}
		older.Close()
	}
	newer.Close()
	if files, err := os.ReadDir(in); err != nil || len(files) != 0 {
		t.Errorf("%v, %v are left", files, err)
	}
	if _, err := Ask(t.Context(), in); !errors.Is(err, ErrNotRunning) {
		t.Error(err)
	}
}

// A socket that a killed process has left is replaced.
func TestSocketOfAKilledProcess(t *testing.T) {
	in := folder(t)
	killed := newControl(t, in)
	_ = killed.listener.Close()
	if _, err := Ask(t.Context(), in); !errors.Is(err, ErrNotRunning) {
		t.Error(err)
	}
	defer newControl(t, in).reply(Reply{Version: "2"})()
	if reply, err := Ask(t.Context(), in); err != nil || reply.Version != "2" {
		t.Errorf("%+v, %v", reply, err)
	}
}

// Another word, no word, and the end of the process get no reply.
func TestControlWithoutAReply(t *testing.T) {
	in := folder(t)
	c := newControl(t, in)
	for _, text := range []string{"", "reload\n", "{}\n", `{"upgrade": `, strings.Repeat("x", 1000)} {
		conn, err := net.Dial("unix", filepath.Join(in, socketName))
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(conn, text)
		_ = conn.(*net.UnixConn).CloseWrite()
		_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
		if reply, err := io.ReadAll(conn); len(reply) > 0 || errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%.20q: %q, %v", text, reply, err)
		}
		_ = conn.Close()
	}
	time.AfterFunc(50*time.Millisecond, c.Close)
	if _, err := Ask(t.Context(), in); err == nil {
		t.Error("a closed socket replies")
	}
}

// A folder that cannot be used is an error with its path.
func TestNoFolder(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, in := range []string{file, filepath.Join(t.TempDir(), strings.Repeat("long", 40))} {
		if c, err := NewControl(in); err == nil {
			c.Close()
			t.Errorf("%s is a folder for a socket", in)
		}
	}
}
