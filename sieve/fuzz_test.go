package sieve

import (
	"slices"
	"strings"
	"testing"

	"github.com/letterlock/letterlock/internal/dialog"
	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/test/gatetest"
)

// FuzzBeforeTLS checks that before TLS each line of ours is a capability, OK, NO or
// BYE, and that none asks for a secret.
func FuzzBeforeTLS(f *testing.F) {
	for _, seed := range []string{
		"CAPABILITY\r\nNOOP \"x\"\r\nLOGOUT\r\n", "AUTHENTICATE \"PLAIN\" {4+}\r\nAAAA\r\n", "STARTTLS\r\nNOOP\r\n",
		"NOOP {3+}\r\nabc\r\n", "PUTSCRIPT \"a\" {99999999999+}\r\n", "NOOP {1}\r\n", "NOOP \"\\\"\"\r\n", "GET / HTTP/1.1\r\n", "\n",
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
		var known []string
		for _, line := range plaintextCapabilities {
			known = append(known, join(line))
		}
		for line := range strings.Lines(client.Output.String()) {
			line = strings.TrimSuffix(line, "\r\n")
			words, size, err := lex(line, byServer, true)
			if _, ok := parseResponse(words); err != nil || size != noLiteral || !ok && !slices.Contains(known, line) {
				t.Fatalf("output %q", line)
			}
		}
	})
}

// FuzzLogin checks that after TLS the backend receives only commands that the
// gate has built, and between AUTHENTICATE and its end only responses.
func FuzzLogin(f *testing.F) {
	for _, seed := range []string{
		"AUTHENTICATE \"PLAIN\" \"AGEAYQ==\"\r\nXCLIENT\r\n", "AUTHENTICATE {5+}\r\nLOGIN\r\n\"LOGOUT\"\r\n",
		"AUTHENTICATE \"LOGIN\"\r\n\"*\"\r\nXCLIENT ADDR=1\r\n", "AUTHENTICATE \"LOGIN\"\r\n{6+}\r\nLOGOUT\r\nCAPABILITY\r\n",
		"CAPABILITY\r\nNOOP\r\nSTARTTLS\r\nLOGOUT\r\n", "NOOP\nXCLIENT\r\n",
	} {
		f.Add([]byte(seed), byte(3))
	}
	for _, said := range dialog.Said(f, "testdata/*.dialog", 'C') {
		f.Add([]byte(said), byte(99))
	}
	f.Fuzz(func(t *testing.T, text []byte, piece byte) {
		client := &gatetest.Client{Text: text, Piece: func() int { return int(piece) }}
		answer, inExchange, inLiteral := loginServer(), false, false
		back := &gatetest.Backend{}
		back.Answer = func(line string) string {
			if inLiteral {
				inLiteral = false
				line = quote(line)
			}
			words, size, err := lex(line, byClient, true)
			if size > 0 {
				inLiteral = true
				return ""
			}
			switch {
			case err != nil || strings.ContainsAny(line, "\r\n\x00"):
				t.Fatalf("the backend received %q", line)
			case inExchange && line != `"*"` && !isResponse(words):
				t.Fatalf("the backend received the response %q", line)
			case !inExchange && line != "CAPABILITY" && line != "LOGOUT" && words[0].text != "AUTHENTICATE" && !isResponse(words):
				t.Fatalf("the backend received the command %q", line)
			}
			reply := answer(line)
			inExchange = strings.HasPrefix(reply, `"VX`)
			return reply
		}
		g := New(gatetest.Session(9))
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

// FuzzSentence checks that a sentence ends within its bounds, and is read the
// same when it is formatted and parsed again.
func FuzzSentence(f *testing.F) {
	f.Add([]byte("OK (SASL {3}\r\nabc) \"x\\\"\"\r\n"), byte(2))
	f.Add([]byte("A {0}\r\n {1}\r\n\r\r\n"), byte(1))
	f.Add([]byte("((a)b)\r\n"), byte(9))
	f.Fuzz(func(t *testing.T, text []byte, piece byte) {
		words, err := parseServer(text, piece)
		if err != nil {
			return
		}
		again, err := parseServer([]byte(join(words)+"\r\n"), 7)
		if err != nil || !slices.Equal(words, again) {
			t.Fatalf("%q became %q (%v)", words, again, err)
		}
	})
}

func parseServer(text []byte, piece byte) ([]token, error) {
	conn := (&gatetest.Client{Text: text, Piece: func() int { return int(piece) }}).Front()
	line, err := conn.ReadLine()
	if err != nil {
		return nil, err
	}
	return readSentence(conn, line, byServer, 1<<10, true)
}

// FuzzCapabilities checks that no capability is offered that cannot work
// through the proxy.
func FuzzCapabilities(f *testing.F) {
	f.Add("\"SASL\" \"PLAIN X-PLUS external\"\r\n\"STARTTLS\"\r\n\"xclient\"\r\nOK\r\n")
	f.Add("{4}\r\nSASL {5}\r\nPLAIN\r\n\"UNAUTHENTICATE\"\r\nOK (TAG \"x\") \"hello\"\r\n")
	f.Add("BYE (REFERRAL \"sieve://x\")\r\n")
	for _, said := range dialog.Said(f, "testdata/*.dialog", 'B') {
		f.Add(said)
	}
	f.Fuzz(func(t *testing.T, text string) {
		back := &gatetest.Backend{}
		back.Replies.WriteString(text)
		g := New(gatetest.Session(5))
		if err := g.Open(gatetest.Back(back)); err != nil {
			return
		}
		for _, line := range rewrite(g.offered, g.s.Mechanisms, true) {
			switch name := strings.ToUpper(line[0].text); {
			case name == "STARTTLS", name == "XCLIENT", name == "UNAUTHENTICATE":
				t.Fatalf("offered %q", line)
			case name == "SASL" && slices.ContainsFunc(valuesOf(line), func(m string) bool { return !g.s.Mechanisms.Allows(m) }):
				t.Fatalf("offered %q", line)
			}
		}
	})
}

// FuzzBackend checks that no backend causes a panic, or a login without its OK.
func FuzzBackend(f *testing.F) {
	f.Add("\"SASL\" \"LOGIN PLAIN\"\r\nOK|\"VX\"|{2}\r\nVX|OK (SASL \"x\")")
	f.Add("\"SASL\" \"LOGIN PLAIN\"\r\nOK|\"VX\"|NO|BYE (REFERRAL \"x\")")
	for _, said := range dialog.Said(f, "testdata/*.dialog", 'B') {
		f.Add(strings.ReplaceAll(said, "\r\n", "|"))
	}
	f.Fuzz(func(t *testing.T, text string) {
		back := gatetest.Scripted(text)
		client := &gatetest.Client{Text: []byte("AUTHENTICATE \"LOGIN\"\r\n\"YQ==\"\r\n\"YQ==\"\r\nAUTHENTICATE \"PLAIN\" \"AGEAYQ==\"\r\n"), Piece: func() int { return 7 }}
		g := New(gatetest.Session(9))
		conn := gatetest.Back(back)
		if err := g.Open(conn); err != nil {
			return
		}
		if err := g.Settle(client.Front(), conn); err == nil && !strings.Contains(strings.ToUpper(text), "OK") {
			t.Fatal("logged in without the backend's OK")
		}
	})
}

func isResponse(words []token) bool { return isChallenge(words) && isBase64(words[0].text) }

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
