package page

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/letterlock/letterlock/internal/access"
	"github.com/letterlock/letterlock/internal/admin"
	"github.com/letterlock/letterlock/internal/observe"
	"github.com/letterlock/letterlock/internal/observe/timeline"
	"github.com/letterlock/letterlock/internal/test/loopback"
	"github.com/letterlock/letterlock/internal/test/wait"
)

// stream opens a stream of events. hangUp closes it.
func stream(t *testing.T, address string) (hangUp func(), next func() map[string]string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+address+"/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	hangUp = func() { _ = res.Body.Close() }
	t.Cleanup(hangUp)
	lines := bufio.NewReader(res.Body)
	return hangUp, func() (parts map[string]string) {
		t.Helper()
		for {
			line, err := lines.ReadString('\n')
			if err != nil {
				t.Fatal(err)
			}
			if text, found := strings.CutPrefix(line, "data: "); found {
				if err := json.Unmarshal([]byte(text), &parts); err != nil {
					t.Fatal(err)
				}
				return parts
			}
		}
	}
}

// The first message has all parts of the page, and the next ones what has changed.
func TestEvents(t *testing.T) {
	s := newProxied(Options{})
	server := NewServer(loopback.Listen(t), s.Handler(), nil, usual, slog.New(slog.DiscardHandler))
	server.Serve()
	defer func() { _ = server.Close() }()
	_, next := stream(t, server.Addr().String())
	first := next()
	for _, name := range parts {
		if _, sent := first[name]; !sent {
			t.Errorf("%s is not sent", name)
		}
	}
	info := newInfo("a-session", "imaps")
	s.All.Opened(info)
	for {
		changed := next()
		if _, sent := changed["certificates"]; sent {
			t.Error("a part that has not changed is sent again")
		}
		if strings.Contains(changed["open"], "a-session") {
			break
		}
	}
}

// The streams are bounded in number, and a stream that ends makes room.
func TestStreamsAreBounded(t *testing.T) {
	s := New(Options{})
	for range maxStreams - 1 {
		s.streams <- struct{}{}
	}
	server := httptest.NewServer(s.Handler())
	defer server.Close()
	address := strings.TrimPrefix(server.URL, "http://")
	hangUp, next := stream(t, address)
	next()
	if got := fetch(t, server.URL+"/events", ""); !strings.HasPrefix(got, "503 ") {
		t.Errorf("one stream more: %s", got)
	}
	hangUp()
	wait.Until(t, "a stream that was closed keeps its place", func() bool { return len(s.streams) == maxStreams-1 })
}

// Each part has an element on the page, and each live element is a part.
func TestPartsArePresent(t *testing.T) {
	page := get(t, New(Options{}).Handler(), "/")
	var ids []string
	for _, m := range regexp.MustCompile(`id="(\w+)"[^>]* data-live>`).FindAllStringSubmatch(page, -1) {
		ids = append(ids, m[1])
	}
	slices.Sort(ids)
	if want := slices.Sorted(slices.Values(parts)); !slices.Equal(ids, want) {
		t.Errorf("%q, want %q", ids, want)
	}
}

// A search finds sessions that are not among the newest, by any of their facts, and
// failed logins.
func TestSearch(t *testing.T) {
	s := newProxied(Options{Failures: func() []admin.Failure {
		return []admin.Failure{{User: "Needle\x00", Client: "192.0.2.1", Failures: 3, Limit: 10, State: admin.Delayed}, {User: "other", Failures: 1}}
	}})
	for i := range 3 * maxShown {
		info := newInfo(fmt.Sprintf("open%d", i), "imaps")
		info.Opened, info.User = time.Now().Add(time.Duration(i)*time.Second), "hay"
		if i == 0 {
			info.User = "NeedLe"
		}
		s.All.Opened(info)
		ended := newInfo(fmt.Sprintf("ended%d", i), "imaps")
		ended.User = info.User
		s.All.Opened(ended)
		s.All.Closed(ended, observe.Summary{Received: 1})
	}
	h := s.Handler()
	if page := get(t, h, "/"); strings.Contains(page, ">open0") || !strings.Contains(page, "other") {
		t.Error("without a query the newest are shown")
	}
	page := get(t, h, "/?q=+needle+")
	for _, want := range []string{">open0", "<bdi>Needle\ufffd</bdi>", `value="needle"`} {
		if !strings.Contains(page, want) {
			t.Errorf("the search does not find %q", want)
		}
	}
	for _, bad := range []string{">open1", "<bdi>hay</bdi>", "<bdi>other</bdi>"} {
		if strings.Contains(page, bad) {
			t.Errorf("the search finds %q", bad)
		}
	}
	if page := get(t, h, "/?q=%22%3E%3Cscript%3E"); strings.Contains(page, "<script>") {
		t.Error("a query is not escaped")
	}
}

// H23: a hostile name cannot leave its attribute in a button, nor its text in a message
// of events.
func TestH23_NamesInButtons(t *testing.T) {
	hostile := "\"'><script>alert(1)</script>&client=192.0.2.9\r\n\u202e"
	guard := access.New(access.Options{Rules: func() access.Rules { return access.Rules{Open: true} }, Log: slog.New(slog.DiscardHandler)})
	s := newProxied(Options{
		Guard: guard, Actions: http.NotFoundHandler(),
		Failures:  func() []admin.Failure { return []admin.Failure{{User: hostile, Client: "192.0.2.1"}} },
		Listeners: func() []Listener { return []Listener{{Service: "imaps", Backends: []Backend{{Address: hostile[:28]}}}} },
	})
	info := newInfo("id", "imaps")
	info.User = hostile
	s.All.Opened(info)
	page := thePage()
	v, err := s.viewFor(httptest.NewRequest(http.MethodGet, "/", nil))
	if err != nil || v.Act || v.Token != "" {
		t.Fatalf("without a password: %t %q %v", v.Act, v.Token, err)
	}
	v.Act = true
	all := ""
	for _, name := range parts {
		html, err := page.part(name, v)
		if err != nil {
			t.Fatal(err)
		}
		all += html
	}
	for _, want := range []string{`data-post="/v1/kick?id=id"`, `data-post="/v1/backends/drain?address=%22%27%3E%3Cscript%3Ealert`, `data-post="/v1/failures/forget?user=%22%27%3E%3Cscript%3Ealert%281%29%3C%2Fscript%3E%26client%3D192.0.2.9%0D%0A%E2%80%AE&amp;client=192.0.2.1"`} {
		if !strings.Contains(all, want) {
			t.Errorf("no %s in %s", want, all)
		}
	}
	for _, bad := range []string{"<script", "\r", "\u202e"} {
		if strings.Contains(all, bad) {
			t.Errorf("%q in %s", bad, all)
		}
	}
}

// The drawings name what they show, for readers who do not see them.
func TestDrawings(t *testing.T) {
	line := timeline.New()
	info := newInfo("a", "imaps")
	info.TLS = tls13()
	for range 3 {
		line.TLSEstablished(info)
	}
	line.Denied(info, "", "", io.EOF)
	page := get(t, New(Options{Timeline: line}).Handler(), "/")
	for _, want := range []string{
		`role="img" aria-label="Sessions in the last hour: 3 TLSv1.3, 0 TLSv1.2, 0 TLSv1, TLSv1.1, 0 ended without TLS"`,
		`aria-label="Failures in the last week: 0 failed handshakes, 1 failed logins"`, `<path class="tls13" d="M59 40.00h.85v-40.00h-.85z"/>`, "at most 3 in 15 minutes",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
}
