package pop3

import (
	"slices"
	"strings"
	"testing"

	"github.com/letterlock/letterlock/internal/dialog"
	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/test/gatetest"
)

// FuzzBeforeTLS checks that before TLS there is no challenge and no greeting of a
// backend, and that the session ends.
func FuzzBeforeTLS(f *testing.F) {
	for _, seed := range []string{
		"CAPA\r\nQUIT\r\n", "USER a\r\nPASS b\r\n", "AUTH PLAIN\r\nAGEAYg==\r\n", "STLS\r\nNOOP\r\n",
		"STLS\nX\r\n", "STLS x\r\nSTLS\r\n", "GET / HTTP/1.1\r\n", "\x00\r\n\r\r\n", "NOOP\r\n\r\n",
	} {
		f.Add([]byte(seed), byte(3))
	}
	for _, said := range dialog.Said(f, "testdata/*.dialog", 'C') {
		f.Add([]byte(said), byte(99))
	}
	f.Fuzz(func(t *testing.T, text []byte, piece byte) {
		client := &gatetest.Client{Text: text, Piece: func() int { return int(piece) }}
		g := New(gatetest.Session(5))
		front := client.Front()
		err := g.Secure(front)
		if err == nil {
			t.Fatal("no error without TLS")
		}
		g.Refuse(front, gate.ReasonOf(err))
		_ = front.Flush()
		known := append([]string{"."}, plaintextCapabilities...)
		for line := range strings.Lines(client.Output.String()) {
			line = strings.TrimSuffix(line, "\r\n")
			if !isOK(line) && !isERR(line) && !slices.Contains(known, line) {
				t.Fatalf("output %q", line)
			}
		}
	})
}

// FuzzLogin checks that after TLS the backend receives only commands that the
// gate has built, and between AUTH and its end only responses.
func FuzzLogin(f *testing.F) {
	for _, seed := range []string{
		"USER demo\r\nPASS x\r\nXCLIENT\r\n", "AUTH LOGIN\r\nQUIT\r\nQUIT\r\n", "AUTH LOGIN\r\n*\r\nXCLIENT ADDR=1\r\n",
		"AUTH PLAIN =\r\n", "AUTH\r\nLANG\r\nLANG en\r\nUTF8\r\nCAPA\r\n", "APOP a 0123456789abcdef0123456789abcdef\r\n",
		"NOOP\nXCLIENT\r\n", "PASS \rXCLIENT\r\n",
	} {
		f.Add([]byte(seed), byte(3))
	}
	allowed := []string{"CAPA", "USER", "PASS", "APOP", "AUTH", "LANG", "UTF8", "QUIT"}
	for _, said := range dialog.Said(f, "testdata/*.dialog", 'C') {
		f.Add([]byte(said), byte(99))
	}
	f.Fuzz(func(t *testing.T, text []byte, piece byte) {
		client := &gatetest.Client{Text: text, Piece: func() int { return int(piece) }}
		answer, inExchange := loginServer(), false
		back := &gatetest.Backend{}
		back.Answer = func(line string) string {
			switch c := parse([]byte(line)); {
			case strings.ContainsAny(line, "\r\n\x00"):
				t.Fatalf("the backend received %q", line)
			case inExchange && line != "*" && !isBase64(line):
				t.Fatalf("the backend received the response %q", line)
			case !inExchange && !slices.Contains(allowed, c.name):
				t.Fatalf("the backend received the command %q", line)
			}
			reply := answer(line)
			inExchange = strings.HasPrefix(reply, "+ ")
			return reply
		}
		g := New(gatetest.Session(9))
		g.implicit = true
		if err := g.Open(welcoming(back)); err != nil {
			t.Fatal(err)
		}
		front := client.Front()
		err := g.Settle(front, g.back)
		g.Refuse(front, gate.ReasonOf(err))
		if strings.Contains(client.Output.String(), "XCLIENT") {
			t.Fatalf("output %q", client.Output.String())
		}
	})
}

// FuzzRewrite checks that each capability is one line, and that none is offered
// that cannot work through the proxy.
func FuzzRewrite(f *testing.F) {
	f.Add("TOP\nSTLS\nSASL PLAIN X-PLUS EXTERNAL\nXCLIENT")
	f.Add("\nsasl  anonymous\nImplementation\n.")
	f.Fuzz(func(t *testing.T, text string) {
		shown := rewrite(strings.Split(text, "\n"), &gate.Mechanisms{}, true)
		for _, line := range shown {
			words := strings.Fields(strings.ToUpper(line))
			if len(words) == 0 || !printable(line) || words[0] == "STLS" || words[0] == "XCLIENT" {
				t.Fatalf("offered %q", line)
			}
			if words[0] == "SASL" && slices.ContainsFunc(words[1:], func(w string) bool { return w == "EXTERNAL" || strings.HasSuffix(w, "-PLUS") }) {
				t.Fatalf("offered %q", line)
			}
		}
	})
}

// FuzzBackend checks that no backend causes a panic, or a login without its
// +OK.
func FuzzBackend(f *testing.F) {
	f.Add("+OK <1@h>|+OK\r\nUSER\r\n.|+OK|+OK")
	f.Add("-ERR no")
	f.Add("+OK|-ERR|-ERR|-ERR|+ Y|-ERR")
	f.Add("+OK|+OK\nSASL LOGIN\n.|+OK|-ERR|+ Y|+|+OK")
	for _, said := range dialog.Said(f, "testdata/*.dialog", 'B') {
		f.Add(strings.ReplaceAll(said, "\r\n", "|"))
	}
	f.Fuzz(func(t *testing.T, text string) {
		back := gatetest.Scripted(text)
		client := &gatetest.Client{Text: []byte("USER a\r\nPASS b\r\nAUTH LOGIN\r\nYQ==\r\nYQ==\r\n"), Piece: func() int { return 7 }}
		g := New(gatetest.Session(9))
		g.implicit = true
		conn := gatetest.Back(back)
		if err := g.Open(conn); err != nil {
			return
		}
		if err := g.Settle(client.Front(), conn); err == nil && !strings.Contains(text, "+OK") {
			t.Fatal("logged in without the backend's +OK")
		}
	})
}

// isBase64 reports whether a token has only the characters of base64, unlike
// "*", which cancels.
func isBase64(token string) bool {
	for i := range len(token) {
		if c := token[i]; !alphanumeric(c) && c != '+' && c != '/' && c != '=' {
			return false
		}
	}
	return true
}
