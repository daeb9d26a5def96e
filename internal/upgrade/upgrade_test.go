//go:build unix

package upgrade

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/letterlock/letterlock/internal/test/loopback"
)

// attempt is an upgrade with one socket.
func attempt(t *testing.T, name string) (Start, net.Listener) {
	t.Helper()
	t.Setenv(role, name)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	socket := loopback.Listen(t)
	copied, err := Duplicate(socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = socket.Close(), copied.Close() })
	return Start{
		Program: self, Deadline: time.Minute,
		Sockets: []Socket{{Name: "imaps", Address: "127.0.0.1:0", File: copied}},
		State:   func() ([]byte, error) { return []byte(`{"the":"last"}`), nil },
	}, socket
}

// The new process accepts connections that wait on the socket, and has the state. It
// inherits nothing else.
func TestTakeOver(t *testing.T) {
	start, socket := attempt(t, "good")
	waiting, err := net.Dial("tcp", socket.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer waiting.Close()
	next, err := start.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	next.Release()
	_ = waiting.SetDeadline(time.Now().Add(20 * time.Second))
	text, err := io.ReadAll(waiting)
	const want = `state {"the":"last"} environment "" open `
	if err != nil || !strings.HasPrefix(string(text), want) || next.Version != "2" {
		t.Errorf("%q, %v, version %q", text, err, next.Version)
	}
	// Beside the connection it has the listener; standard input and output may be pipes.
	var open int
	if _, err := fmt.Sscanf(strings.TrimPrefix(string(text), want), "%d", &open); err != nil || open > 5 {
		t.Errorf("%d pipes and sockets are open in the new process", open)
	}
}

// A new process whose predecessor is killed at once has the list of the sockets, and
// serves.
func TestOldProcessEndsAtOnce(t *testing.T) {
	start, socket := attempt(t, "serves alone")
	command, pipes, rest, err := start.start()
	if err != nil {
		t.Fatal(err)
	}
	pipes.close()
	conn, err := net.Dial("tcp", socket.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	text, err := io.ReadAll(conn)
	if err != nil || string(text) != "no state: true" || len(rest) != 0 {
		t.Errorf("%q, %v, and %d bytes of the list are missing", text, err, len(rest))
	}
	if err := command.Wait(); err != nil {
		t.Error(err)
	}
}

// The part of a long list for which the pipe has no room is sent later.
func TestLongListOfSockets(t *testing.T) {
	long := message{Step: sockets, Sockets: make([]description, 2048)}
	for i := range long.Sockets {
		long.Sockets[i] = description{Name: "submissions", Address: "[2001:db8:1111:2222:3333:4444:5555:6666]:465"}
	}
	ours, theirs, err := newPipes()
	if err != nil {
		t.Fatal(err)
	}
	defer ours.close()
	defer theirs.close()
	rest, err := ours.fill(long)
	if err != nil || len(rest) == 0 {
		t.Fatalf("%d bytes are left, %v", len(rest), err)
	}
	ours.deadline(t.Context(), 20*time.Second)
	go func() { _, _ = ours.out.Write(rest) }()
	if m, err := receive(theirs.in); err != nil || len(m.Sockets) != len(long.Sockets) {
		t.Errorf("%d sockets, %v", len(m.Sockets), err)
	}
}

// After each failure the socket still accepts in this process, and the error says
// what has happened.
func TestNewProcessIsBad(t *testing.T) {
	for name, want := range map[string]string{
		"ends":                  "it ended before it was ready",
		"cannot":                "it cannot start: line 7: no such policy",
		"sends nonsense":        "too long",
		"sends another message": `it sent "ready" instead of "prepared"`,
		"ends when prepared":    "it ended before it was ready",
		"silent":                "it was not ready in time",
	} {
		start, socket := attempt(t, name)
		if name == "silent" {
			start.Deadline = 300 * time.Millisecond
		}
		next, err := start.Run(t.Context())
		if err == nil || !strings.Contains(err.Error(), want) || next != nil {
			t.Errorf("%s: %v", name, err)
		}
		wantAccepts(t, socket)
	}
}

// wantAccepts checks that a listener accepts in this process, and can be closed.
func wantAccepts(t *testing.T, socket net.Listener) {
	t.Helper()
	conn, err := net.Dial("tcp", socket.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	accepted, err := socket.Accept()
	if err != nil {
		t.Fatal(err)
	}
	_ = accepted.Close()
	closed := make(chan error)
	go func() {
		_, err := socket.Accept()
		closed <- err
	}()
	_ = socket.Close()
	select {
	case err := <-closed:
		if !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("Accept blocks: the socket is in blocking mode")
	}
}

// Other programs answer nothing, and know no environment variable.
func TestAnotherProgram(t *testing.T) {
	for program, want := range map[string]string{"true": "it ended before it was ready", "sleep": "it was not ready in time", "no-such-program": "no such file"} {
		start, socket := attempt(t, "good")
		if program == "sleep" {
			start.Deadline = 300 * time.Millisecond
		}
		if path, err := exec.LookPath(program); err == nil {
			start.Program = path
		} else {
			start.Program = filepath.Join(t.TempDir(), program)
		}
		start.Args = []string{"60"}
		if _, err := start.Run(t.Context()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", program, err)
		}
		wantAccepts(t, socket)
	}
}

// Fields that a newer version has added are ignored.
func TestNewerVersion(t *testing.T) {
	start, _ := attempt(t, "knows more")
	next, err := start.Run(t.Context())
	if err != nil || next.Version != "9" {
		t.Errorf("%v, %v", next, err)
	}
}

// The end of the context ends the new process.
func TestUpgradeIsCancelled(t *testing.T) {
	start, socket := attempt(t, "silent")
	ctx, cancel := context.WithCancelCause(t.Context())
	stopped := errors.New("the service stops")
	time.AfterFunc(100*time.Millisecond, func() { cancel(stopped) })
	if _, err := start.Run(ctx); !errors.Is(err, stopped) {
		t.Error(err)
	}
	wantAccepts(t, socket)
}

// Without a state the upgrade goes on: it matters less than the new version.
func TestNoState(t *testing.T) {
	for _, state := range []func() ([]byte, error){
		nil,
		func() ([]byte, error) { return nil, errors.New("no state") },
		func() ([]byte, error) { return make([]byte, MaxState+1), nil },
	} {
		start, socket := attempt(t, "good")
		start.State = state
		next, err := start.Run(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		next.Release()
		conn, err := net.Dial("tcp", socket.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
		if text, err := io.ReadAll(conn); err != nil || !strings.HasPrefix(string(text), "state  environment") {
			t.Errorf("%q, %v", text, err)
		}
		_ = conn.Close()
		_ = next.Signal(os.Kill)
	}
}
