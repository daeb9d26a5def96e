package imap

import (
	"cmp"
	"errors"
	"fmt"
	"strings"

	"github.com/letterlock/letterlock/internal/gate"
)

const crlf = "\r\n"

var (
	errProtocol = errors.New("not an IMAP response")
	errBye      = errors.New("the backend said BYE")
)

// kind is what a line of the backend is for.
type kind int

const (
	untagged kind = iota
	tagged
	continuation
)

// reply is a line of the backend.
type reply struct {
	kind   kind
	status string // OK, NO, BAD, BYE or PREAUTH; empty if it is data
	text   string // behind the status, or the data
}

// parseReply reads a line of the backend while the command with our tag is
// under way.
func parseReply(line, tag string) (reply, error) {
	first, rest, _ := strings.Cut(line, " ")
	word, text, _ := strings.Cut(rest, " ")
	status := strings.ToUpper(word)
	switch {
	case first == "+":
		return reply{kind: continuation, text: rest}, nil
	case first == "*" && isStatus(status):
		return reply{untagged, status, text}, nil
	case first == "*" && rest != "":
		return reply{untagged, "", rest}, nil
	case first == tag && (status == "OK" || status == "NO" || status == "BAD"):
		return reply{tagged, status, text}, nil
	}
	return reply{}, garbage(line)
}

// isStatus knows the responses that carry words for people and codes for
// programs (RFC 9051 §7.1); all others are data.
func isStatus(s string) bool {
	return s == "OK" || s == "NO" || s == "BAD" || s == "BYE" || s == "PREAUTH"
}

// garbage ends a session whose backend is lost to us.
func garbage(line string) error {
	return gate.Because(gate.BackendGarbage, fmt.Errorf("%w: %.80q", errProtocol, line))
}

// garbled is garbage of a backend that may repeat what the client has told it: a
// password, which must not be in the log.
func (g *Gate) garbled(line string) error {
	if g.confided {
		return gate.Because(gate.BackendGarbage, errProtocol)
	}
	return garbage(line)
}

// capabilityData returns the list of an untagged CAPABILITY response.
func (r reply) capabilityData() (list string, ok bool) {
	word, list, _ := strings.Cut(r.text, " ")
	return list, r.status == "" && strings.EqualFold(word, "CAPABILITY")
}

// cutCode splits a status text into its response code, without brackets, and
// the words behind it. A code ends at the first "]" with a blank behind it, or
// else at the last: the URL of a referral may hold others.
func cutCode(text string) (name, arguments, words string) {
	text = strings.TrimLeft(text, " ")
	if !strings.HasPrefix(text, "[") {
		return "", "", text
	}
	code, words, found := strings.Cut(text[1:], "] ")
	if end := strings.LastIndexByte(code, ']'); !found && end >= 0 {
		code, words = code[:end], code[end+1:]
	}
	name, arguments, _ = strings.Cut(code, " ")
	return strings.ToUpper(name), arguments, words
}

// passable rewrites a status text of the backend for the client. A referral
// loses its code and keeps its words, unless they are another.
func (g *Gate) passable(text string) string {
	switch name, arguments, words := cutCode(text); name {
	case "CAPABILITY":
		return "[CAPABILITY " + g.learn(arguments) + "] " + words
	case "REFERRAL":
		return g.passable(cmp.Or(words, "The mailbox is elsewhere"))
	default:
		return text
	}
}

// tell passes a status of the backend on, under the client's tag or "*".
func (g *Gate) tell(tag string, r reply) {
	g.front.Print(tag, " ", r.status, " ", g.passable(r.text), crlf)
}

// ok answers a command in our own name.
func (g *Gate) ok(cmd command) error {
	g.front.Print(cmd.tag, " OK ", cmd.name, " completed", crlf)
	return nil
}

// bad refuses a command that is wrong.
func (g *Gate) bad(cmd command, text string) error { return g.refuse(cmd, "BAD", text) }

// no refuses a command that is not.
func (g *Gate) no(cmd command, text string) error { return g.refuse(cmd, "NO", text) }

// refuse answers a command without having read the literal that it may
// announce. One that waits for our "+" will not come. One that does not wait
// is on its way, and a session must not go on among its bytes.
func (g *Gate) refuse(cmd command, status, text string) error {
	g.front.Print(cmd.tag, " ", status, " ", text, crlf)
	if cmd.next.announced && (!cmd.next.waits || g.front.Buffered() > 0) {
		return gate.Because(gate.Desynchronised, errUnwanted)
	}
	return g.wrong(gate.TooManyErrors)
}

var errUnwanted = errors.New("literal that nobody asked for")

// wrong counts what went wrong, and ends the session when it is enough.
func (g *Gate) wrong(why gate.Reason) error {
	if g.errors++; g.errors >= g.s.Limits.Errors {
		return gate.Because(why, nil)
	}
	return nil
}
