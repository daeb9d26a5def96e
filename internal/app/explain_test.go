package app

import (
	"crypto/tls"
	"encoding/json"
	"strings"
	"testing"

	"github.com/letterlock/letterlock/internal/explain"
	"github.com/letterlock/letterlock/internal/test/loopback"
	"github.com/letterlock/letterlock/internal/test/wait"
)

// The cause of a complaint is found by the user's name, the client's address or the
// session's id.
func TestExplain(t *testing.T) {
	t.Parallel()
	w := newWorld(t, administeredText)
	if conn, err := w.dial(0, func(c *tls.Config) { c.MaxVersion = tls.VersionTLS11; c.MinVersion = tls.VersionTLS10 }); err == nil {
		_ = conn.Close()
		t.Fatal("an old client was admitted")
	}
	c := w.newClient(0, true)
	c.ask("", "* OK")
	c.ask("a LOGIN demo wrong", "a NO")
	c.ask("b LOGIN demo demo", "b OK")
	c.ask("c LOGOUT", "c OK")
	c.ended()
	wait.Until(t, "the session does not end", func() bool { return len(w.history.Endings()) == 2 })
	a := w.administered()
	explained := func(of string, kind explain.Kind) string {
		t.Helper()
		answer, err := a.Explain(of, kind)
		if err != nil {
			t.Fatal(err)
		}
		text, err := json.Marshal(answer)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	id := ""
	for _, e := range w.history.Endings() {
		if e.User == "demo" {
			id = e.ID
		}
	}
	for _, test := range []struct {
		of    string
		kind  explain.Kind
		wants []string
	}{
		{"DEMO", "", []string{`"kind":"user"`, "for a wrong password", "ended as done", "TLSv1.3"}},
		{"127.0.0.1", "", []string{`"kind":"client"`, "no TLS version in common", "policy: opportunistic", "for a wrong password"}},
		{"127.0.0.0/8", "", []string{`"kind":"client"`, "no TLS version in common"}},
		{id, "", []string{`"kind":"session"`, "for a wrong password"}},
		{"127.0.0.1", explain.User, []string{`"kind":"user"`, "the proxy has no record of the user"}},
		{"nobody", "", []string{`"kind":"user"`, "the proxy has no record of the user", "imaps on " + loopback.Host() + ":0"}},
	} {
		text := explained(test.of, test.kind)
		for _, want := range test.wants {
			if !strings.Contains(text, want) {
				t.Errorf("%s: no %q in\n%s", test.of, want, text)
			}
		}
	}
	wait.Until(t, "the inventory is not asked", func() bool { return strings.Contains(explained("demo", ""), "inventory: sessions with TLSv1.3") })
	for _, wrong := range []struct {
		of   string
		kind explain.Kind
	}{{"", ""}, {"demo", explain.Client}, {"demo", "network"}} {
		if _, err := a.Explain(wrong.of, wrong.kind); err == nil {
			t.Errorf("%+v is explained", wrong)
		}
	}
}
