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
)

// role makes the binary of the tests be a new process.
const role = "RUN_AS_SUCCESSOR"

func TestMain(m *testing.M) {
	if name := os.Getenv(role); name != "" {
		if err := successors[name](); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// successors are new processes, good and bad.
var successors = map[string]func() error{
	"good":   takeOver,
	"silent": func() error { time.Sleep(time.Minute); return nil },
	"ends":   func() error { return nil },
	"cannot": func() error {
		old, err := FromEnvironment()
		old.Failed(errors.New("line 7: no such policy"))
		return err
	},
	"sends nonsense": func() error {
		_, err := pipeAt(toOld).WriteString("HTTP/1.1 400 Bad Request\r\n\r\n")
		time.Sleep(time.Minute)
		return err
	},
	"sends another message": func() error { return send(pipeAt(toOld), message{Step: ready}) },
	"ends when prepared": func() error {
		old, err := FromEnvironment()
		if err != nil {
			return err
		}
		if _, err := old.Sockets(); err != nil {
			return err
		}
		_, err = old.Prepared()
		return err
	},
	"knows more": func() error {
		_, err := os.NewFile(toOld, "pipe").Write(framed(`{"step": "prepared", "more": {"than": ["this"]}}`))
		time.Sleep(100 * time.Millisecond)
		return errors.Join(err, send(os.NewFile(toOld, "pipe"), message{Step: ready, Version: "9"}))
	},
}

func framed(text string) []byte { return append([]byte{0, 0, 0, byte(len(text))}, text...) }

// takeOver answers each connection with the state, until it is asked to end.
func takeOver() error {
	old, err := FromEnvironment()
	if err != nil {
		return err
	}
	inherited, err := old.Sockets()
	if err != nil {
		return err
	}
	socket, err := inherited.Listen("imaps", "127.0.0.1:0")
	if err != nil {
		return err
	}
	inherited.Close()
	passed, err := old.Prepared()
	if err != nil {
		return err
	}
	old.Ready("2")
	files, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return err
	}
	var open []string
	for _, f := range files {
		if to, err := os.Readlink("/proc/self/fd/" + f.Name()); err == nil && !strings.HasPrefix(to, "anon_inode:") && !strings.HasPrefix(to, "/") {
			open = append(open, f.Name())
		}
	}
	for {
		conn, err := socket.Accept()
		if err != nil {
			return err
		}
		fmt.Fprintf(conn, "state %s environment %q open %d\n", passed, os.Getenv(marker), len(open))
		_ = conn.Close()
		if strings.Contains(string(passed), "last") {
			return nil
		}
	}
}

// attempt is an upgrade with one socket.
func attempt(t *testing.T, name string) (Start, net.Listener) {
	t.Helper()
	t.Setenv(role, name)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	socket, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
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
		start.Deadline = 300 * time.Millisecond
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
