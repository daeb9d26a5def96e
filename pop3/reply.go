package pop3

import (
	"cmp"
	"strings"

	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/wire"
)

// turn is whose move it is. POP3 has no word that the server may say unasked,
// so that our last ones depend on it.
type turn int

const (
	ours    turn = iota // the greeting or a reply is due
	theirs              // the client is to speak
	nobodys             // logged in, and relayed
)

func (g *Gate) greet(stamp string) {
	g.reply(strings.Join(strings.Fields("+OK "+g.s.Hostname+" "+g.s.Banner+" "+stamp), " "))
}

// reply says one line; it is the last of its reply.
func (g *Gate) reply(line string) {
	g.front.Print(line, "\r\n")
	g.turn = theirs
}

// list says a reply of many lines (RFC 1939 §3).
func (g *Gate) list(first string, lines []string) error {
	g.front.Print(first, "\r\n")
	for _, line := range lines {
		g.front.Print(line, "\r\n")
	}
	g.reply(".")
	return nil
}

// fail says that a command failed. There may be only so many.
func (g *Gate) fail(line string) error {
	g.reply(line)
	if g.errors++; g.errors >= g.s.Limits.Errors {
		return gate.Because(gate.TooManyErrors, nil)
	}
	return nil
}

// Refuse says the last words for a reason, if the client is to hear any, and
// sends them. Where it is the client's turn it is heard first: an answer before
// its question could be taken for that of another.
func (g *Gate) Refuse(front *wire.Conn, why gate.Reason) {
	switch why {
	case gate.Done, gate.ClientGone, gate.HandshakeFailed:
		return
	}
	switch {
	case g.turn == nobodys:
		return // perhaps in the middle of a message
	case why == gate.ClientRefused && g.refusal == "":
		return // the backend has closed the connection after its answer
	case g.turn == ours, why == gate.Shutdown: // nobody has the time to wait for a question
	case !failure(why) && why != gate.ClientRefused:
		return // has had its answer; or fell silent, where RFC 1939 §3 wants none
	default:
		if _, err := front.ReadLine(); err != nil {
			return
		}
	}
	front.Print("-ERR ", g.lastWords(why), "\r\n")
	_ = front.Flush()
}

// clientRefusal is the backend's refusal of the client. Within a login, where the
// backend has been changed, it gets a code (RFC 3206): without one it would be
// taken for a wrong password.
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

// failure reports whether it is not the client's fault: it may try again.
func failure(why gate.Reason) bool {
	return why.Backend() || why == gate.Busy || why == gate.Shutdown || why == gate.Internal
}
