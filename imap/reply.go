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
	errBye      = errors.New("the backend sent BYE")
)

// kind is the kind of a line of the backend.
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
	text   string // the text after the status, or the data
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

// isStatus reports whether a response has text for people and codes for
// programs (RFC 9051 §7.1). All others are data.
func isStatus(s string) bool {
	return s == "OK" || s == "NO" || s == "BAD" || s == "BYE" || s == "PREAUTH"
}

// garbage returns the error of a backend that does not follow the protocol. It
// quotes the line.
func garbage(line string) error {
	return gate.Because(gate.BackendGarbage, fmt.Errorf("%w: %.80q", errProtocol, line))
}

// garbageUnquoted is garbage that leaves the line out when the backend may
// repeat a password of the client in it, which must not be logged.
func (g *Gate) garbageUnquoted(line string) error {
	if g.secretSent {
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
// the text after it. A code ends at the first "]" with a blank after it, or
// else at the last "]": the URL of a referral may contain brackets.
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

// rewriteStatus rewrites a status text of the backend for the client:
// CAPABILITY is filtered, and REFERRAL is removed.
func (g *Gate) rewriteStatus(text string) string {
	switch name, arguments, words := cutCode(text); name {
	case "CAPABILITY":
		return "[CAPABILITY " + g.setCapabilities(arguments) + "] " + words
	case "REFERRAL":
		return g.rewriteStatus(cmp.Or(words, "The mailbox is elsewhere"))
	default:
		return text
	}
}

// passStatus passes on a status of the backend, under the client's tag or "*".
func (g *Gate) passStatus(tag string, r reply) {
	g.front.Print(tag, " ", r.status, " ", g.rewriteStatus(r.text), crlf)
}

// ok replies OK in our own name.
func (g *Gate) ok(cmd command) error {
	g.front.Print(cmd.tag, " OK ", cmd.name, " completed", crlf)
	return nil
}

// bad replies BAD: a syntax or state error.
func (g *Gate) bad(cmd command, text string) error { return g.refuse(cmd, "BAD", text) }

// no replies NO: a valid command that is refused.
func (g *Gate) no(cmd command, text string) error { return g.refuse(cmd, "NO", text) }

// refuse answers a command without reading the literal that it announces. A
// literal that waits for our "+" never comes. Any other literal follows, and
// the session must end before its bytes are read as commands.
func (g *Gate) refuse(cmd command, status, text string) error {
	g.front.Print(cmd.tag, " ", status, " ", text, crlf)
	if cmd.next.announced && (!cmd.next.waits || g.front.Buffered() > 0) {
		return gate.Because(gate.Desynchronised, errUnwanted)
	}
	return g.countError(gate.TooManyErrors)
}

var errUnwanted = errors.New("a literal without a request for it")

// countError counts an error and ends the session after too many.
func (g *Gate) countError(why gate.Reason) error {
	if g.errors++; g.errors >= g.s.Limits.Errors {
		return gate.Because(why, nil)
	}
	return nil
}
