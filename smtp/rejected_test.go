package smtp

import (
	"strings"
	"testing"

	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/test/gatetest"
)

// TestRejectedRecipients checks that refused recipients do not end a
// transaction, and that guessing ends the session.
func TestRejectedRecipients(t *testing.T) {
	const (
		mail, good, unknown = "MAIL FROM:<>\r\n", "RCPT TO:<a@good.example>\r\n", "RCPT TO:<x@elsewhere.example>\r\n"
		malformed, wrong    = "RCPT TO:\r\n", "FROB\r\n"
		text                = "DATA\r\nx\r\n.\r\n"
		later, denied       = "452 4.5.3 Too many recipients\r\n", "550 5.7.1 Relaying denied\r\n"
	)
	many := func(line string, n int) string { return strings.Repeat(line, n) }
	for name, tt := range map[string]struct {
		said                    string
		why                     gate.Reason
		delivered, denied, late int
	}{
		"an old list":                         {mail + many(unknown, 50) + many(good, 3) + text, gate.ClientGone, 1, 50, 0},
		"malformed ones":                      {mail + many(malformed, 50) + good + text, gate.ClientGone, 1, 0, 0},
		"between good ones":                   {mail + good + many(unknown, 50) + good + text, gate.ClientGone, 1, 50, 0},
		"a very old list":                     {mail + good + many(unknown, 130) + good + text, gate.ClientGone, 1, maxRejected, 31},
		"without a transaction":               {many(unknown, 50), gate.TooManyErrors, 0, 10, 0},
		"after a refused sender":              {"MAIL FROM:<bad@b>\r\n" + many(unknown, 50), gate.TooManyErrors, 0, 10, 0},
		"guesses in one transaction":          {mail + many(unknown, 500), gate.ClientGone, 0, maxRejected, 400},
		"guesses in many transactions":        {many(mail+many(unknown, 5)+"RSET\r\n", 50), gate.TooManyErrors, 0, 10, 0},
		"guesses in many greetings":           {many("EHLO a\r\n"+mail+many(unknown, 5), 50), gate.TooManyErrors, 0, 10, 0},
		"a second sender in a transaction":    {mail + many(unknown, 20) + mail + good + text, gate.ClientGone, 1, 20, 0},
		"a message resets the count":          {many(mail+many(unknown, 9)+good+text, 20), gate.ClientGone, 20, 180, 0},
		"a message resets wrong commands too": {many(many(wrong, 9)+mail+good+text, 20), gate.ClientGone, 20, 0, 0},
		"a refused message does not":          {many(many(wrong, 9)+mail+good+"DATA\r\nbad\r\n.\r\n", 20), gate.TooManyErrors, 0, 0, 0},
		"nor RSET":                            {many(many(wrong, 5)+mail+good+"RSET\r\n", 20), gate.TooManyErrors, 0, 0, 0},
	} {
		output, err := played(t, tt.said, 1)
		if why := gate.ReasonOf(err); why != tt.why {
			t.Errorf("%s: ends with %v", name, err)
		}
		delivered, refused, late := strings.Count(output, "250 decided"), strings.Count(output, denied), strings.Count(output, later)
		if delivered != tt.delivered || refused != tt.denied || late != tt.late {
			t.Errorf("%s: %d messages are delivered, %d recipients refused and %d deferred, want %d, %d and %d", name, delivered, refused, late, tt.delivered, tt.denied, tt.late)
		}
	}
	output, _ := played(t, many(mail+many(unknown, 5)+"RSET\r\n", 1000), 1<<20)
	if n := strings.Count(output, denied); n > maxRejected {
		t.Errorf("%d guesses get a reply in one group of commands", n)
	}
}

// played returns the output for a client that sends a text in pieces of a size.
func played(t *testing.T, said string, piece int) (output string, err error) {
	t.Helper()
	g := New(gatetest.Session(10), Options{Recipients: Recipients([]string{"good.example"})})
	client := &gatetest.Client{Text: []byte("EHLO a\r\n" + said), Piece: func() int { return piece }}
	front, back := client.Front(), gatetest.Back(judging())
	if err = g.Secure(front); err == nil {
		err = g.Open(back)
	}
	if err == nil {
		err = g.Settle(front, back)
	}
	return client.Output.String(), err
}

// judging is a backend that accepts every command and text that does not
// contain "bad".
func judging() *gatetest.Backend {
	inText, verdict := false, ""
	b := &gatetest.Backend{Answer: func(line string) string {
		switch {
		case inText && line == "bad":
			verdict = "550 no\r\n"
			return ""
		case inText && line != ".":
			return ""
		case inText:
			inText = false
			return verdict
		case strings.Contains(line, "bad"):
			return "550 no\r\n"
		case line == "DATA":
			inText, verdict = true, "250 decided\r\n"
			return "354 go\r\n"
		}
		return "250-ok\r\n250 PIPELINING\r\n"
	}}
	b.Replies.WriteString("220 hi\r\n")
	return b
}
