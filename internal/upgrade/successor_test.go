//go:build unix

package upgrade

import (
	"errors"
	"fmt"
	"os"
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
	"silent": func() error { time.Sleep(time.Minute); return nil }, // until the old process kills it
	"ends":   func() error { return nil },
	"cannot": func() error {
		old, err := FromEnvironment()
		old.Failed(errors.New("line 7: no such policy"))
		return err
	},
	"sends nonsense": func() error {
		_, err := pipeAt(toOld).WriteString("HTTP/1.1 400 Bad Request\r\n\r\n")
		time.Sleep(time.Minute) // until the old process kills it
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
	"serves alone": func() error {
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
		_, lost := old.Prepared()
		conn, err := socket.Accept()
		if err != nil {
			return err
		}
		fmt.Fprintf(conn, "no state: %t", lost != nil)
		return conn.Close()
	},
	"knows more": func() error {
		in, out := os.NewFile(fromOld, "pipe"), os.NewFile(toOld, "pipe")
		_, err := out.Write(framed(`{"step": "prepared", "more": {"than": ["this"]}}`))
		if err != nil {
			return err
		}
		for _, want := range []step{sockets, state} {
			if m, err := receive(in); err != nil || m.Step != want {
				return fmt.Errorf("received %q, not %q: %w", m.Step, want, err)
			}
		}
		return send(out, message{Step: ready, Version: "9"})
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
