package admin

import (
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/letterlock/letterlock/internal/explain"
	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/observe"
	"github.com/letterlock/letterlock/internal/record"
)

// fake is a Proxy with fixed sessions. It records what was changed.
type fake struct {
	sessions []observe.Open
	drained  map[string]bool
	forgot   string
	level    slog.Level
	order    record.Order
}

func (f *fake) EachSession(each func(*observe.Open)) {
	for i := range f.sessions {
		each(&f.sessions[i])
	}
}

func (f *fake) Kick(match func(*observe.Open) bool) (n int) {
	f.EachSession(func(o *observe.Open) {
		if match(o) {
			n++
		}
	})
	return n
}

func (f *fake) Backends() []Backend {
	return []Backend{{Address: "10.0.0.5:143", Name: "old", State: Up, Services: []string{"imaps"}}}
}

func (f *fake) DrainBackend(address string, drained bool) bool {
	f.drained[address] = drained
	return address == "10.0.0.5:143"
}

func (f *fake) Failures() []Failure {
	return []Failure{{User: "alice\x1b[2J", Failures: 3, State: Delayed}}
}

func (f *fake) Forget(client netip.Addr, user string) int {
	f.forgot = client.String() + " " + user
	return 2
}

func (f *fake) Explain(of string, kind explain.Kind) (explain.Answer, error) {
	return explain.Answer{Subject: of, Kind: kind, Findings: []explain.Finding{{Text: "it is well", Count: 1}}}, nil
}

func (f *fake) Record(o record.Order) error {
	if f.order.Sessions > 0 {
		return record.ErrRunning
	}
	f.order = o
	return nil
}

func (f *fake) StopRecording() { f.order = record.Order{} }

func (f *fake) Recording() record.State {
	return record.State{Order: f.order, Running: f.order.Sessions > 0, Err: errors.New("the disk is full")}
}

func (f *fake) LogLevel() slog.Level         { return f.level }
func (f *fake) SetLogLevel(level slog.Level) { f.level = level }

func newFake() *fake {
	open := func(id, service, client, user string, version uint16) observe.Open {
		s := observe.Session{
			ID: id, Listener: &observe.Listener{Service: service, Address: ":0"}, Client: netip.MustParseAddrPort(client),
			User: user, Policy: "strict", Opened: time.Unix(1_800_000_000, 0), Backend: "10.0.0.5:143",
		}
		if version != 0 {
			s.TLS = &tls.ConnectionState{Version: version, CipherSuite: tls.TLS_AES_128_GCM_SHA256, CurveID: tls.X25519}
		}
		return observe.Open{Session: s, Step: gate.Relaying}
	}
	return &fake{drained: map[string]bool{}, sessions: []observe.Open{
		open("a", "imaps", "192.0.2.7:40000", "alice", tls.VersionTLS13),
		open("b", "imaps", "192.0.2.8:40000", "Bob\u202e", tls.VersionTLS12),
		open("c", "smtp", "[2001:db8::1]:40000", "", 0),
		open("d", "submission", "[::ffff:192.0.2.7]:40001", "ALICE", tls.VersionTLS10),
	}}
}

// serve serves a Proxy on a socket in a new folder.
func serve(t *testing.T, p Proxy, profile bool) Client {
	t.Helper()
	path := filepath.Join(t.TempDir(), "run", "admin.sock")
	socket, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	server := NewServer(socket, Options{
		Proxy: p, Profile: profile, Log: slog.New(slog.DiscardHandler),
		Status: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, `{"hostname":"mail.example.com"}`)
		}),
	})
	server.Serve()
	t.Cleanup(func() { _ = server.Shutdown() })
	return Client{Paths: []string{filepath.Join(t.TempDir(), "none.sock"), path}}
}

func TestFilters(t *testing.T) {
	c := serve(t, newFake(), false)
	for query, want := range map[string]string{
		"": "abcd", "user=Alice": "ad", "client=192.0.2.7": "ad", "client=192.0.2.0/24": "abd", "client=2001:db8::/32": "c",
		"service=imaps": "ab", "tls=1.2": "b", "tls=TLSv1": "d", "tls=1.0": "d", "tls=none": "c", "policy=modern": "", "policy=strict&user=alice&tls=1.3": "a",
		"id=c": "c", "backend=10.0.0.5:143": "abcd", "backend=10.0.0.6:143": "",
	} {
		parameters, _ := url.ParseQuery(query)
		var all Sessions
		if err := c.Get(t.Context(), "/sessions", parameters, &all); err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, s := range all.Sessions {
			got += s.ID
		}
		if got != want {
			t.Errorf("%s selects %q, not %q", query, got, want)
		}
		var kicked Kicked
		err := c.Post(t.Context(), "/kick", parameters, &kicked)
		if query == "" {
			if err == nil || !strings.Contains(err.Error(), "select the sessions to end") {
				t.Errorf("all sessions are ended: %v", err)
			}
		} else if err != nil || kicked.Sessions != len(want) {
			t.Errorf("%s ends %d, %v", query, kicked.Sessions, err)
		}
	}
}

// A request that means nothing changes nothing, and says what is wrong.
func TestFaultyRequests(t *testing.T) {
	f := newFake()
	c := serve(t, f, false)
	for _, test := range []struct{ method, path, query, want string }{
		{http.MethodGet, "/sessions", "client=alice", "neither an address nor a network"},
		{http.MethodGet, "/sessions", "tls=2.0", "write 1.0"},
		{http.MethodPost, "/kick", "usr=alice", `no parameter "usr"`},
		{http.MethodPost, "/kick", "user=", "select the sessions to end"},
		{http.MethodGet, "/kick", "user=alice", ""},
		{http.MethodPost, "/backends/drain", "address=10.0.0.9:143", "no backend has"},
		{http.MethodPost, "/failures/forget", "", "selects the failed logins"},
		{http.MethodPost, "/failures/forget", "client=x", "not an address"},
		{http.MethodPost, "/log-level", "level=loud", "write debug"},
		{http.MethodGet, "/profile", "name=cpu", "profiles are off"},
		{http.MethodPost, "/record", "user=alice&sessions=x", `sessions "x" is not a number`},
		{http.MethodPost, "/record", "user=alice&texts=x", "write true or false"},
		{http.MethodPost, "/record", "client=x", "neither an address nor a network"},
		{http.MethodPost, "/record", "alice=user", "no parameter"},
		{http.MethodGet, "/nothing", "", "there is no request GET /v1/nothing"},
	} {
		parameters, _ := url.ParseQuery(test.query)
		body, err := c.Do(t.Context(), test.method, test.path, parameters)
		if err == nil {
			_ = body.Close()
		}
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s %s?%s: %v", test.method, test.path, test.query, err)
		}
	}
	if f.forgot != "" || f.level != 0 || f.order != (record.Order{}) {
		t.Errorf("something was changed: %+v", f)
	}
}

// A recording begins with the defaults that the request does not replace, and not
// while another one runs.
func TestRecord(t *testing.T) {
	f := newFake()
	c := serve(t, f, false)
	ask := func(path, query string) (r Recording, err error) {
		parameters, _ := url.ParseQuery(query)
		return r, c.Post(t.Context(), path, parameters, &r)
	}
	r, err := ask("/record", "client=192.0.2.7&texts=true&seconds=999999999")
	want := record.Order{Client: netip.MustParsePrefix("192.0.2.7/32"), Sessions: 1, Bytes: 1 << 20, Time: record.MaxTime + time.Second, Texts: true}
	if err != nil || f.order != want || !r.Running || r.Client != "192.0.2.7/32" || !r.Texts || r.Files == nil || r.Error == "" {
		t.Errorf("%+v of %+v, %v", r, f.order, err)
	}
	if _, err := ask("/record", "user=alice"); err == nil || !strings.Contains(err.Error(), "another recording runs") {
		t.Errorf("a second recording: %v", err)
	}
	if r, err := ask("/record/stop", ""); err != nil || r.Running {
		t.Errorf("%+v, %v", r, err)
	}
	if err := c.Get(t.Context(), "/record", nil, &r); err != nil || r.Running {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestChanges(t *testing.T) {
	f := newFake()
	c := serve(t, f, true)
	var backends Backends
	for word, drained := range map[string]bool{"drain": true, "resume": false} {
		if err := c.Post(t.Context(), "/backends/"+word, url.Values{"address": {"10.0.0.5:143"}}, &backends); err != nil || f.drained["10.0.0.5:143"] != drained {
			t.Errorf("%s: %v, %v", word, f.drained, err)
		}
	}
	var forgotten Forgotten
	if err := c.Post(t.Context(), "/failures/forget", url.Values{"user": {"alice"}, "client": {"192.0.2.7"}}, &forgotten); err != nil || f.forgot != "192.0.2.7 alice" || forgotten.Forgotten != 2 {
		t.Errorf("%q, %v, %v", f.forgot, forgotten, err)
	}
	var level LogLevel
	if err := c.Post(t.Context(), "/log-level", url.Values{"level": {"debug"}}, &level); err != nil || level.Level != "debug" || f.level != slog.LevelDebug {
		t.Errorf("%v, %v", level, err)
	}
	for _, name := range []string{"heap", "cpu"} {
		body, err := c.Do(t.Context(), http.MethodGet, "/profile", url.Values{"name": {name}, "seconds": {"1"}})
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(body)
		if err != nil || !strings.HasPrefix(string(text), "\x1f\x8b") {
			t.Errorf("%s: %.20q, %v", name, text, err)
		}
		_ = body.Close()
	}
}

// No value from outside reaches a terminal as it is, in JSON either.
func TestReplyIsASCII(t *testing.T) {
	c := serve(t, newFake(), false)
	for _, path := range []string{"/sessions", "/failures"} {
		body, err := c.Do(t.Context(), http.MethodGet, path, nil)
		if err != nil {
			t.Fatal(err)
		}
		text, _ := io.ReadAll(body)
		_ = body.Close()
		for _, b := range text {
			if b >= 0x7f || b < ' ' && b != '\n' {
				t.Errorf("%s: the byte %#x in %s", path, b, text)
			}
		}
	}
	text, err := Encode("a\u202e\U0001f600\x7f\xff<&>")
	if want := "\"a\\u202e\\ud83d\\ude00\\u007f\\ufffd<&>\"\n"; err != nil || string(text) != want {
		t.Errorf("%s, %v, not %s", text, err, want)
	}
}

// The socket of a later process takes the place of an earlier one's at once, and the
// end of the earlier process does not remove it.
func TestSocketIsReplaced(t *testing.T) {
	path := filepath.Join(t.TempDir(), "admin.sock")
	first, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	second, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	_ = first.Close()
	conn, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.Close()
	_ = second.Close()
	if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket is left: %v", err)
	}
	c := Client{Paths: []string{path}}
	if err := c.Get(t.Context(), "/sessions", nil, &Sessions{}); !errors.Is(err, ErrNotRunning) {
		t.Errorf("%v", err)
	}
}
