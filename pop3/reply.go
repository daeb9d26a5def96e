package pop3

import (
	"cmp"
	"strings"

	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/wire"
)

// turn says which side sends the next line. POP3 has no response without a
// command, so the last reply of a session depends on it.
type turn int

const (
	serversTurn turn = iota // the greeting or a reply is due
	clientsTurn             // the client sends the next line
	relayed                 // the session is relayed
)

func (g *Gate) greet(stamp string) {
	g.reply(strings.Join(strings.Fields("+OK "+g.s.Hostname+" "+g.s.Banner+" "+stamp), " "))
}

// reply sends the only or the last line of a reply.
func (g *Gate) reply(line string) {
	g.front.Print(line, "\r\n")
	g.turn = clientsTurn
}

// list sends a multi-line reply (RFC 1939 §3).
func (g *Gate) list(first string, lines []string) error {
	g.front.Print(first, "\r\n")
	for _, line := range lines {
		g.front.Print(line, "\r\n")
	}
	g.reply(".")
	return nil
}

// fail sends an -ERR, and ends the session after too many.
func (g *Gate) fail(line string) error {
	g.reply(line)
	if g.errors++; g.errors >= g.s.Limits.Errors {
		return gate.Because(gate.TooManyErrors, nil)
	}
	return nil
}

// Refuse sends the client the last reply of the session, if the reason has one.
// If it is the client's turn, Refuse waits for its next command first: a reply
// without a command would be taken for the reply to the next one.
func (g *Gate) Refuse(front *wire.Stream, why gate.Reason) {
	switch why {
	case gate.Done, gate.ClientGone, gate.HandshakeFailed:
		return
	}
	switch {
	case g.turn == relayed:
		return // the relay may be within a message
	case why == gate.ClientRefused && g.refusal == "":
		return // the client has received the backend's reply to its login
	case g.turn == serversTurn, why.Polite(): // a shutdown does not wait for the next command
	case !failure(why) && why != gate.ClientRefused:
		return // the client has its reply; after a timeout RFC 1939 §3 requires none
	default:
		if _, err := front.ReadLine(); err != nil {
			return
		}
	}
	front.Print("-ERR ", g.lastWords(why), "\r\n")
	_ = front.Flush()
}

// clientRefusal returns the backend's refusal of the client. Within a login,
// when the session has moved to another backend, it gets a response code (RFC
// 3206): without a code it would be taken for a wrong password.
func (g *Gate) clientRefusal() string {
	words := cmp.Or(strings.TrimSpace(strings.TrimPrefix(g.refusal, "-ERR")), gate.ClientRefused.Sentence())
	if g.settled && !strings.HasPrefix(words, "[") {
		return "[SYS/PERM] " + words
	}
	return words
}

func (g *Gate) lastWords(why gate.Reason) string {
	if why == gate.ClientRefused {
		return g.clientRefusal()
	}
	if failure(why) {
		return "[SYS/TEMP] " + why.Sentence() + " [" + g.s.ID + "]"
	}
	return why.Sentence()
}

// failure reports whether the client is not at fault and may try again.
func failure(why gate.Reason) bool {
	return why.Backend() || why == gate.Busy || why == gate.Shutdown || why == gate.Internal
}
