package sieve

import (
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/letterlock/letterlock/internal/dialog"
	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/test/gatetest"
	"github.com/letterlock/letterlock/internal/wire"
)

func TestDialogs(t *testing.T) {
	dialog.Run(t, "testdata/*.dialog", func(_ map[string]string, s *gate.Session) dialog.Gate { return New(s) })
}

func TestRewrite(t *testing.T) {
	const own = `"IMPLEMENTATION" "Letterlock"`
	for name, c := range map[string]struct {
		offered, want []string
		hidden        []string
		weak          bool
	}{
		"empty":      {want: []string{own}},
		"ours":       {offered: []string{`"IMPLEMENTATION" "Old"`, `"STARTTLS"`, `"XCLIENT"`, `"UNAUTHENTICATE"`, `"SIEVE" "fileinto"`}, want: []string{own, `"SIEVE" "fileinto"`}},
		"mechanisms": {offered: []string{`"SASL" "PLAIN EXTERNAL SCRAM-SHA-1-PLUS"`}, want: []string{own, `"SASL" "PLAIN"`}},
		"hidden":     {offered: []string{`"SASL" "CRAM-MD5"`}, hidden: []string{"CRAM-MD5"}, want: []string{own, `"SASL" ""`}},
		"weak":       {offered: []string{`"SASL" "PLAIN"`}, weak: true, want: []string{own, `"SASL" ""`}},
		"bare":       {offered: []string{`"sasl"`}, want: []string{own, `"sasl" ""`}},
		"verbatim":   {offered: []string{`"NOTIFY" "mailto \"x\""`, `"X-NEW"`}, want: []string{own, `"NOTIFY" "mailto \"x\""`, `"X-NEW"`}},
	} {
		var offered [][]token
		for _, line := range c.offered {
			words, _, _ := lex(line, byServer, true)
			offered = append(offered, words)
		}
		var got []string
		for _, words := range rewrite(offered, &gate.Mechanisms{Hidden: c.hidden}, !c.weak) {
			got = append(got, join(words))
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// TestNoLiteralIsACommand checks that the content of a literal before TLS is
// never read as a command, in any pieces, and never kept.
func TestNoLiteralIsACommand(t *testing.T) {
	payloads := []string{
		"", "x", "STARTTLS\r\n", "\r\nLOGOUT\r\n", "a\nSTARTTLS\nb", "\x00{9+}\r\n", "NOOP \"inside\"\r\n", "\r\n\r\n", "{3+}",
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		var text strings.Builder
		var want []string
		for n := range 4 {
			payload := payloads[random.IntN(len(payloads))]
			switch random.IntN(3) {
			case 0:
				fmt.Fprintf(&text, "AUTHENTICATE \"PLAIN\" {%d+}\r\n%s\r\n", len(payload), payload)
				want = append(want, `NO (ENCRYPT-NEEDED) "TLS is required before authentication"`)
			case 1:
				fmt.Fprintf(&text, "PUTSCRIPT {%d+}\r\n%s {%d+}\r\n%s\r\n", len(payload), payload, len(payload), payload)
				want = append(want, `NO "Authenticate first"`)
			}
			fmt.Fprintf(&text, "NOOP \"mark-%d\"\r\n", n)
			want = append(want, fmt.Sprintf(`OK (TAG "mark-%d") "Done"`, n))
		}
		client := &gatetest.Client{Text: []byte(text.String() + "LOGOUT\r\n"), Piece: func() int { return 1 + random.IntN(9) }}
		g := New(gatetest.Session(99))
		front := client.Front()
		if err := g.Secure(front); gate.ReasonOf(err) != gate.Done {
			t.Fatalf("%q: %v", text.String(), err)
		}
		_, output, _ := strings.Cut(client.Output.String(), "OK \"mail.example.com ready\"\r\n")
		if want := strings.Join(append(want, `OK "Goodbye"`, ""), "\r\n"); output != want {
			t.Fatalf("%q: output %q, want %q", text.String(), output, want)
		}
	}
}

// TestNoResponseIsACommand checks that within a SASL exchange no input of the
// client is read as a command, and that the input after its login is left for
// the relay, in any pieces.
func TestNoResponseIsACommand(t *testing.T) {
	responses := []string{`"LOGOUT=="`, `"STARTTLS"`, `""`, "{8+}\r\nLOGOUT==", "{8+}\r\nLOGOUT\r\n", `"not base64"`, `LOGOUT`, `"*"`, `"a" "b"`}
	random := rand.New(rand.NewPCG(3, 4))
	for range 300 {
		response := responses[random.IntN(len(responses))]
		client := &gatetest.Client{Piece: func() int { return 1 + random.IntN(9) }}
		const login, behind = "AUTHENTICATE \"PLAIN\" {8+}\r\nAGEAYQ==\r\n", "XCLIENT ADDR=192.0.2.9\r\n"
		client.Text = []byte("AUTHENTICATE \"LOGIN\"\r\n" + response + "\r\n" + login + behind)
		back := &gatetest.Backend{Answer: loginServer()}
		g := New(gatetest.Session(9))
		if err := g.Open(welcoming(back)); err != nil {
			t.Fatal(err)
		}
		front := client.FrontConn()
		if err := g.Settle(front.ForGate(), g.back); err != nil {
			t.Fatalf("%q: %v", response, err)
		}
		passed := map[string]string{`"LOGOUT=="`: `"LOGOUT=="`, `"STARTTLS"`: `"STARTTLS"`, "{8+}\r\nLOGOUT==": `"LOGOUT=="`}[response]
		if passed == "" {
			passed = `"*"` // cancelled, in step
		}
		if want := []string{`AUTHENTICATE "LOGIN"`, passed, `AUTHENTICATE "PLAIN" "AGEAYQ=="`}; !slices.Equal(back.Received, want) {
			t.Fatalf("%q: the backend received %q, want %q", response, back.Received, want)
		}
		_, left, err := front.Detach()
		if rest := string(left) + string(client.Text); err != nil || rest != behind {
			t.Fatalf("for the relay: %q, %v", rest, err)
		}
	}
}

// TestObserver checks that the observer receives the logins and their results,
// and the logins that are refused before TLS.
func TestObserver(t *testing.T) {
	token := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
	s := gatetest.Session(9)
	watch := s.Observer.(*gatetest.Observer)
	g := New(s)
	_ = g.Secure((&gatetest.Client{Piece: func() int { return 9 }, Text: []byte("authenticate \"PLAIN\"\r\nNOOP\r\n")}).Front())
	if !slices.Equal(watch.RefusedPlaintext, []string{"AUTHENTICATE"}) {
		t.Errorf("refused %q", watch.RefusedPlaintext)
	}
	back := &gatetest.Backend{Answer: loginServer()}
	if err := g.Open(welcoming(back)); err != nil {
		t.Fatal(err)
	}
	client := &gatetest.Client{Piece: func() int { return 99 }, Text: []byte(
		"AUTHENTICATE \"PLAIN\" \"" + token("\x00bob\x00secret") + "\"\r\nAUTHENTICATE \"plain\" \"" + token("\x00alice\x00secret") + "\"\r\n")}
	if err := g.Settle(client.Front(), g.back); err != nil {
		t.Fatal(err)
	}
	if want := []string{"bob PLAIN no", "alice PLAIN yes"}; !slices.Equal(watch.Logins, want) {
		t.Errorf("logins %q, want %q", watch.Logins, want)
	}
}

// bobsToken is the beginning of bob's PLAIN response.
const bobsToken = "AGJvY"

// loginServer is a backend that accepts every PLAIN except bob's, and no LOGIN.
func loginServer() func(string) string {
	return func(line string) string {
		switch {
		case line == `AUTHENTICATE "LOGIN"`:
			return "\"VXNlcm5hbWU6\"\r\n"
		case strings.HasPrefix(line, `AUTHENTICATE "PLAIN" "`) && !strings.Contains(line, bobsToken):
			return "OK\r\n"
		case line == "CAPABILITY":
			return "\"SASL\" \"PLAIN LOGIN\"\r\n\"XCLIENT\"\r\nOK\r\n"
		case strings.HasSuffix(line, "+}"):
			return "" // the rest follows
		}
		return "NO \"no\"\r\n"
	}
}

// TestRefuse checks that the last response depends on the reason, and is sent
// once.
func TestRefuse(t *testing.T) {
	for name, c := range map[string]struct {
		gate Gate
		why  gate.Reason
		want string
	}{
		"busy":             {Gate{}, gate.Busy, "BYE (TRYLATER) \"too many connections [ID]\"\r\n"},
		"backend":          {Gate{}, gate.BackendDown, "BYE (TRYLATER) \"service not available [ID]\"\r\n"},
		"silent":           {Gate{}, gate.Timeout, "BYE \"timeout exceeded\"\r\n"},
		"injected":         {Gate{}, gate.Injected, "BYE \"plaintext data after the command that starts TLS\"\r\n"},
		"relayed shutdown": {Gate{loggedIn: true}, gate.Shutdown, "BYE (TRYLATER) \"the service is shutting down [ID]\"\r\n"},
		"relayed failure":  {Gate{loggedIn: true}, gate.BackendGone, ""},
		"said already":     {Gate{byeSent: true}, gate.Desynchronised, ""},
		"done":             {Gate{}, gate.Done, ""},
		"gone":             {Gate{}, gate.ClientGone, ""},
		"no TLS":           {Gate{}, gate.HandshakeFailed, ""},
	} {
		client := &gatetest.Client{Piece: func() int { return 1 }}
		g := c.gate
		g.s = gatetest.Session(5)
		g.Refuse(client.Front(), c.why)
		if got := client.Output.String(); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// welcoming returns a backend that has sent its greeting.
func welcoming(back *gatetest.Backend) *wire.Stream {
	back.Replies.WriteString("\"SASL\" \"PLAIN LOGIN\"\r\n\"XCLIENT\"\r\nOK\r\n")
	return gatetest.Back(back)
}
