package record

import (
	"errors"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/observe"
	"github.com/letterlock/letterlock/internal/test/wait"
	"github.com/letterlock/letterlock/internal/wire"
)

// recorded is a Recorder whose log and files a test reads.
type recorded struct {
	*Recorder
	*testing.T
	log    *wait.Log
	folder string
}

func newRecorded(t *testing.T) *recorded {
	r := &recorded{T: t, log: &wait.Log{}, folder: filepath.Join(t.TempDir(), "recordings")}
	r.Recorder = &Recorder{
		Log: slog.New(slog.NewTextHandler(r.log, nil)), Hostname: func() string { return "mail.example.com" }, Protocol: func(string) string { return "imap" },
	}
	return r
}

// order returns a valid order, to be changed.
func (r *recorded) order() Order {
	return Order{Sessions: 1, Bytes: 1 << 20, Time: time.Minute, Folder: r.folder}
}

func (r *recorded) start(o Order) {
	r.Helper()
	if err := r.Start(o); err != nil {
		r.Fatal(err)
	}
}

func (r *recorded) files() int {
	files, err := filepath.Glob(filepath.Join(r.folder, "*"))
	if err != nil {
		r.Fatal(err)
	}
	return len(files)
}

func newSession(id, client string) *observe.Session {
	return &observe.Session{ID: id, Client: netip.MustParseAddrPort(client), Listener: &observe.Listener{Service: "imap", Address: ":143"}, Opened: time.Now()}
}

// Only the sessions of the order are recorded, with their logins before it is known
// whose they are. Both files are the owner's alone, and the log announces all.
func TestSessionsOfAUser(t *testing.T) {
	r := newRecorded(t)
	o := r.order()
	o.User, o.Sessions = "Alice", 2
	r.start(o)
	if err := r.Start(o); !errors.Is(err, ErrRunning) {
		t.Errorf("a second recording begins: %v", err)
	}
	for i, login := range []struct {
		user   string
		answer gate.Answer
		files  int
	}{
		{"bob", gate.Answer{Outcome: gate.Accepted}, 0},
		{"alice", gate.Answer{Outcome: gate.WrongPassword}, 2},
		{"", gate.Answer{}, 2},
		{"alice", gate.Answer{Outcome: gate.Accepted}, 4},
		{"alice", gate.Answer{Outcome: gate.Accepted}, 4},
	} {
		s := newSession(string(rune('a'+i)), "192.0.2.1:1000")
		kept := r.Keep(s)
		if kept != nil {
			kept.Add(FromClient, wire.Command, []byte("a LOGIN x hunter2\r\n"))
		} else if i < 4 {
			t.Errorf("session %d is not kept", i)
		}
		if login.user != "" {
			r.Login(s, login.user, "LOGIN", login.answer)
		}
		r.Closed(s, observe.Summary{})
		r.writing.Wait()
		if n := r.files(); n != login.files {
			t.Errorf("%d files after session %d, not %d", n, i, login.files)
		}
	}
	r.Close()
	state := r.State()
	if state.Running || state.Left != 0 || len(state.Files) != 4 || state.Err != nil {
		t.Errorf("%+v", state)
	}
	info, err := os.Stat(state.Files[0])
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	for _, want := range []string{"a recording begins", "user=Alice", "session=d", "the recording has ended"} {
		if !strings.Contains(r.log.String(), want) {
			t.Errorf("no %q in\n%s", want, r.log)
		}
	}
}

// A disk that is full ends the recording, and not the session.
func TestWriteFails(t *testing.T) {
	r := newRecorded(t)
	o := r.order()
	o.Client, o.Sessions = netip.MustParsePrefix("192.0.2.0/24"), 2
	r.start(o)
	s, next := newSession("a", "192.0.2.1:1000"), newSession("b", "192.0.2.1:1001")
	r.Keep(s)
	kept := r.Keep(next)
	if r.Keep(newSession("c", "192.0.2.2:1000")) != nil || kept == nil {
		t.Error("a third session is recorded, or the second is not")
	}
	if err := os.RemoveAll(r.folder); err != nil {
		t.Fatal(err)
	}
	r.Closed(s, observe.Summary{})
	r.writing.Wait()
	if state := r.State(); state.Running || state.Err == nil || kept.Add(FromClient, wire.Command, []byte("a NOOP\r\n")) {
		t.Errorf("the recording goes on: %+v", state)
	}
	r.Closed(next, observe.Summary{})
	r.Close()
	if !strings.Contains(r.log.String(), "level=ERROR msg=\"the recording has ended early\"") {
		t.Errorf("the log:\n%s", r.log)
	}
}

// At the end of its time a recording writes the sessions that are open.
func TestH18_OpenSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRecorded(t)
		o := r.order()
		o.ID = "a"
		r.start(o)
		s := newSession("a", "192.0.2.1:1000")
		if r.Keep(s) != nil {
			t.Error("a session that begins has the id of an open one")
		}
		kept := r.KeepOpen(s)
		kept.Add(FromClient, wire.Raw, []byte("a SELECT hunter2\r\n")) // it may be the text of a message
		time.Sleep(2 * time.Second)
		kept.Add(FromClient, wire.Raw, []byte("b SELECT INBOX\r\n"))
		time.Sleep(time.Minute)
		synctest.Wait()
		if kept.Add(FromClient, wire.Raw, []byte("c NOOP\r\n")) || r.now.Load() != nil {
			t.Error("the recording goes on")
		}
		r.Close()
		text, err := os.ReadFile(filepath.Join(r.folder, "a.dialog"))
		if err != nil || !strings.Contains(string(text), "C: [16 bytes]\nC: b SELECT INBOX\n# the session goes on\n") {
			t.Errorf("%s %v", text, err)
		}
	})
}

// An order without a subject, with two, or beyond a bound is refused.
func TestOrders(t *testing.T) {
	r := newRecorded(t)
	for name, change := range map[string]func(*Order){
		"nobody":       func(o *Order) { o.User = "" },
		"two":          func(o *Order) { o.ID = "x" },
		"no session":   func(o *Order) { o.Sessions = 0 },
		"sessions":     func(o *Order) { o.Sessions = MaxSessions + 1 },
		"no bytes":     func(o *Order) { o.Bytes = 0 },
		"bytes":        func(o *Order) { o.Bytes = MaxBytes + 1 },
		"all bytes":    func(o *Order) { o.Bytes, o.Sessions = MaxBytes, 5 },
		"no time":      func(o *Order) { o.Time = 0 },
		"time":         func(o *Order) { o.Time = MaxTime + 1 },
		"folder":       func(o *Order) { o.Folder = "here" },
		"not a folder": func(o *Order) { o.Folder = os.DevNull },
	} {
		o := r.order()
		o.User = "alice"
		if change(&o); r.Start(o) == nil {
			t.Errorf("%s: the order is accepted", name)
		}
	}
	if r.State().Running || (*Recorder)(nil).Keep(newSession("a", "192.0.2.1:1")) != nil {
		t.Error("it records")
	}
}
