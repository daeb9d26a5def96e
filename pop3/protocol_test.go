package pop3

import (
	"encoding/base64"
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

func TestParse(t *testing.T) {
	for line, want := range map[string]command{
		"":                {"", ""},
		"quit":            {"QUIT", ""},
		"PASS":            {"PASS", ""},
		"PASS ":           {"PASS", ""},
		"PASS  two words": {"PASS", " two words"},
		"pass\tx":         {"", ""},
		" USER x":         {"", "USER x"},
		"\u017ftls":       {"", ""}, // the long s, whose upper case is an S
	} {
		if got := parse([]byte(line)); got != want {
			t.Errorf("%q is %q, want %q", line, got, want)
		}
	}
}

func TestTimestamp(t *testing.T) {
	for greeting, want := range map[string]string{
		"+OK ready": "",
		"+OK POP3 <1896.697170952@dbc.mtview.ca.us>":  "<1896.697170952@dbc.mtview.ca.us>",
		"+OK [XCLIENT] Dovecot ready <a.1@h> welcome": "<a.1@h>",
		"+OK <user@host> then <1@h>":                  "<1@h>",
		"+OK <no at>":                                 "",
		"+OK <a@b@c>":                                 "",
		"+OK <a @b>":                                  "",
		"+OK <\x1b@b>":                                "",
		"+OK >a@b<":                                   "",
		"+OK ready <1af.6b0b@[192.0.2.1]>":            "<1af.6b0b@[192.0.2.1]>",
		"+OK ready <1@[IPv6:2001:db8::1]>":            "<1@[IPv6:2001:db8::1]>",
		"+OK <1@[]>":                                  "",
		"+OK <1@[192.0.2.1>":                          "",
		"+OK <1@[[192.0.2.1]]>":                       "",
		"+OK <[XCLIENT]@h>":                           "",
	} {
		if got := timestampOf(greeting); got != want {
			t.Errorf("%q has %q, want %q", greeting, got, want)
		}
	}
}

func TestRewrite(t *testing.T) {
	const own = "IMPLEMENTATION Letterlock"
	for name, c := range map[string]struct {
		offered, want []string
		hidden        []string
		weak          bool
	}{
		"none":       {offered: nil, want: []string{"USER", own}},
		"empty":      {offered: []string{}, want: []string{own}},
		"ours":       {offered: []string{"stls", "TOP", "XCLIENT", "IMPLEMENTATION Old 0.1", "UIDL"}, want: []string{"TOP", "UIDL", own}},
		"mechanisms": {offered: []string{"SASL PLAIN EXTERNAL SCRAM-SHA-256-PLUS LOGIN anonymous"}, want: []string{"SASL PLAIN LOGIN", own}},
		"hidden":     {offered: []string{"SASL CRAM-MD5"}, hidden: []string{"CRAM-MD5"}, want: []string{own}},
		"verbatim":   {offered: []string{"EXPIRE 60 USER", "LOGIN-DELAY 900", "X-NEW thing"}, want: []string{"EXPIRE 60 USER", "LOGIN-DELAY 900", "X-NEW thing", own}},
		"weak":       {offered: []string{"USER", "SASL PLAIN", "TOP"}, weak: true, want: []string{"TOP", own}},
		"unprinted":  {offered: []string{"", "A\x1b[2J"}, want: []string{own}},
	} {
		if got := rewrite(c.offered, &gate.Mechanisms{Hidden: c.hidden}, !c.weak); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// TestNoResponseIsACommand checks that within a SASL exchange no input of the
// client is read as a command, and that the input after its login is left for
// the relay, in any pieces.
func TestNoResponseIsACommand(t *testing.T) {
	responses := []string{"QUIT", "STLS", "CAPA", "USER", "", "PASS not base64"}
	random := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		response := responses[random.IntN(len(responses))]
		client := &gatetest.Client{Piece: func() int { return 1 + random.IntN(9) }}
		client.Text = []byte("AUTH LOGIN\r\n" + response + "\r\nUSER demo\r\nPASS  a b \r\nXCLIENT ADDR=192.0.2.9\r\n")
		back := &gatetest.Backend{Answer: loginServer()}
		g := New(gatetest.Session(9))
		front := client.FrontConn()
		g.implicit = true
		if err := g.Open(welcoming(back)); err != nil {
			t.Fatal(err)
		}
		if err := g.Settle(front.ForGate(), g.back); err != nil {
			t.Fatalf("%q: %v", response, err)
		}
		passed := response
		if response == "" || strings.Contains(response, " ") { // a name is not empty
			passed = "*" // cancelled, in step
		}
		if want := []string{"CAPA", "AUTH LOGIN", passed, "USER demo", "PASS  a b "}; !slices.Equal(back.Received, want) {
			t.Fatalf("the backend received %q, want %q", back.Received, want)
		}
		_, left, err := front.Detach()
		if rest := string(left) + string(client.Text); err != nil || rest != "XCLIENT ADDR=192.0.2.9\r\n" {
			t.Fatalf("for the relay: %q, %v", rest, err)
		}
	}
}

// TestObserver checks that the observer receives the logins and their results,
// and never a refused secret.
func TestObserver(t *testing.T) {
	plain := base64.StdEncoding.EncodeToString([]byte("\x00alice\x00secret"))
	client := &gatetest.Client{Piece: func() int { return 99 }, Text: []byte(
		"AUTH PLAIN " + plain + "\r\nUSER bob\r\nPASS no\r\nAPOP carol 0123456789abcdef0123456789ABCDEF\r\n")}
	back := &gatetest.Backend{Answer: loginServer()}
	s := gatetest.Session(9)
	g := New(s)
	g.implicit = true
	if err := g.Open(welcoming(back)); err != nil {
		t.Fatal(err)
	}
	if err := g.Settle(client.Front(), g.back); err != nil {
		t.Fatal(err)
	}
	watch := s.Observer.(*gatetest.Observer)
	if want := []string{"alice PLAIN no", "bob USER no", "carol APOP yes"}; !slices.Equal(watch.Logins, want) {
		t.Errorf("logins %q, want %q", watch.Logins, want)
	}
}

// TestRefusedBeforeTLS checks that every login before TLS is refused and
// reported.
func TestRefusedBeforeTLS(t *testing.T) {
	client := &gatetest.Client{Piece: func() int { return 5 }, Text: []byte(
		"USER alice\r\npass secret\r\nAPOP alice 0\r\nAUTH PLAIN AGEAYg==\r\nAUTH\r\nQUIT\r\n")}
	s := gatetest.Session(9)
	g := New(s)
	front := client.Front()
	if err := g.Secure(front); gate.ReasonOf(err) != gate.Done {
		t.Fatal(err)
	}
	if want := []string{"USER", "PASS", "APOP", "AUTH", "AUTH"}; !slices.Equal(s.Observer.(*gatetest.Observer).RefusedPlaintext, want) {
		t.Errorf("refused %q, want %q", s.Observer.(*gatetest.Observer).RefusedPlaintext, want)
	}
	if output := client.Output.String(); strings.Contains(output, "\r\n+ ") || strings.Contains(output, "secret") {
		t.Errorf("the client got %q", output)
	}
}

// loginServer is a backend with two users: carol, by APOP, and demo.
func loginServer() func(string) string {
	user, exchange := "", false
	return func(line string) string {
		c := parse([]byte(line))
		switch {
		case exchange:
			exchange = false
			return "-ERR [AUTH] no\r\n"
		case c.name == "CAPA":
			return "+OK\r\nUSER\r\nSASL PLAIN LOGIN\r\nLANG\r\nUTF8\r\nXCLIENT\r\n.\r\n"
		case c.name == "USER":
			user = c.arg
			return "+OK\r\n"
		case c.name == "PASS" && user == "demo", c.name == "APOP":
			return "+OK Logged in\r\n"
		case c.name == "AUTH" && c.arg == "LOGIN":
			exchange = true
			return "+ VXNlcm5hbWU6\r\n"
		case c.name == "LANG" && c.arg == "":
			return "+OK\r\nen English\r\n.\r\n"
		}
		return "-ERR no\r\n"
	}
}

// welcoming returns a backend that has sent its greeting, with a timestamp for
// APOP.
func welcoming(back *gatetest.Backend) *wire.Stream {
	back.Replies.WriteString("+OK [XCLIENT] ready <1@backend>\r\n")
	return gatetest.Back(back)
}
