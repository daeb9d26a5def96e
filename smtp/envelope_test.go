package smtp

import (
	"slices"
	"strings"
	"testing"

	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/test/gatetest"
)

// answering is a backend that accepts every command that does not contain
// "bad".
func answering() *gatetest.Backend {
	inText := false
	b := &gatetest.Backend{Answer: func(line string) string {
		switch {
		case inText:
			inText = line != "."
			if inText {
				return ""
			}
			return "250 decided\r\n"
		case strings.Contains(line, "bad"):
			return "550 no\r\n"
		case line == "DATA":
			inText = true
			return "354 go\r\n"
		}
		return "250 ok\r\n"
	}}
	b.Replies.WriteString("220 hi\r\n")
	return b
}

// H1: a session counts as unauthenticated before the backend has accepted a
// recipient, and again after the transaction.
func TestH1_StepsOfATransaction(t *testing.T) {
	const (
		rest       = gate.Authenticating
		envelope   = gate.Envelope
		recipients = gate.Recipients
		text       = gate.Text
		verdict    = gate.Verdict
	)
	message := "MAIL FROM:<>\r\nRCPT TO:<a@b>\r\nDATA\r\nx\r\n.\r\n"
	for said, want := range map[string][]gate.Step{
		"":                                    nil,
		"RSET\r\nNOOP\r\n":                    nil,
		"MAIL FROM:<bad@b>\r\n":               nil,
		"MAIL FROM:<>\r\n":                    {envelope},
		"MAIL FROM:<>\r\nRCPT TO:<bad@b>\r\n": {envelope},
		"MAIL FROM:<>\r\nRCPT TO:<bad@b>\r\nRSET\r\n":                       {envelope, rest},
		"MAIL FROM:<>\r\nRCPT TO:<a@b>\r\nRCPT TO:<a@b>\r\n":                {envelope, recipients},
		"MAIL FROM:<>\r\nRCPT TO:<a@b>\r\nRSET\r\n":                         {envelope, recipients, rest},
		"MAIL FROM:<>\r\nRCPT TO:<a@b>\r\nEHLO again\r\n":                   {envelope, recipients, rest},
		"MAIL FROM:<>\r\nRCPT TO:<a@b>\r\nMAIL FROM:<>\r\n":                 {envelope, recipients, envelope},
		"MAIL FROM:<>\r\nDATA\r\nx\r\n.\r\n":                                {envelope, verdict, rest},
		message:                                                             {envelope, recipients, text, verdict, rest},
		message + message:                                                   {envelope, recipients, text, verdict, rest, envelope, recipients, text, verdict, rest},
		"MAIL FROM:<>\r\nRCPT TO:<a@b>\r\nDATA\r\nbad\r\n.\r\nMAIL FROM:<>": {envelope, recipients, text, verdict, rest},
	} {
		s := gatetest.Session(10)
		g := New(s, Options{})
		client := &gatetest.Client{Text: []byte("EHLO a\r\n" + said), Piece: func() int { return 1 }}
		front, back := client.Front(), gatetest.Back(answering())
		err := g.Secure(front)
		if err == nil {
			err = g.Open(back)
		}
		if err == nil {
			err = g.Settle(front, back)
		}
		if why := gate.ReasonOf(err); why != gate.ClientGone {
			t.Fatalf("%q: %v", said, err)
		}
		if got := s.Observer.(*gatetest.Observer).Steps; !slices.Equal(got, want) {
			t.Errorf("%q passes the steps %v, want %v", said, got, want)
		}
	}
}
