package sieve

import (
	"errors"
	"fmt"
	"strings"

	"github.com/letterlock/letterlock/internal/gate"
)

// response is what ends the answer to a command (RFC 5804 §1.2, §1.3).
type response struct {
	status string  // OK, NO or BYE
	code   []token // what stands between the parentheses
	text   []token // one string, or none
}

// parseResponse takes words for a response, if they are one. A referral is
// taken out: it names a server that the client should not come to know, and
// would lead it around the proxy.
func parseResponse(words []token) (r response, ok bool) {
	if len(words) == 0 || words[0].kind != atom {
		return r, false
	}
	r.status = strings.ToUpper(words[0].text)
	if r.status != "OK" && r.status != "NO" && r.status != "BYE" {
		return r, false
	}
	r.text = words[1:]
	if len(r.text) > 0 && r.text[0].kind == opening {
		end := closed(r.text)
		if end < 0 {
			return r, false
		}
		r.code, r.text = r.text[1:end], r.text[end+1:]
	}
	if len(r.code) > 0 && strings.EqualFold(r.code[0].text, "REFERRAL") {
		r.code = nil
	}
	return r, len(r.text) == 0 || isChallenge(r.text)
}

// closed finds the parenthesis that closes the one at the start.
func closed(words []token) int {
	depth := 0
	for i, word := range words {
		switch word.kind {
		case opening:
			depth++
		case closing:
			depth--
		}
		if depth == 0 {
			return i
		}
	}
	return -1
}

// String is the response as it is passed on.
func (r response) String() string {
	words := []token{{atom, r.status}}
	if len(r.code) > 0 {
		words = append(words, token{opening, "("})
		words = append(words, r.code...)
		words = append(words, token{closing, ")"})
	}
	return join(append(words, r.text...))
}

var (
	errReply   = errors.New("a reply that makes no sense here")
	errUnasked = errors.New("the backend has spoken unasked")
	errTooMuch = errors.New("a reply of too many lines")
	errBye     = errors.New("the backend said BYE")
)

// greeted shows the administrator how a backend has greeted.
func greeted(r response) error { return fmt.Errorf("it greeted with %.80q", r.String()) }

// maxReply bounds a reply with its literals, in bytes.
const maxReply = 64 << 10

// tell sends a line. A backend that has spoken unasked is out of step: its OK
// could be taken for another one.
func (g *Gate) tell(line string) error {
	if g.back.Buffered() > 0 {
		return gate.Because(gate.BackendGarbage, errUnasked)
	}
	g.back.Print(line, "\r\n")
	if err := g.back.Flush(); err != nil {
		return gate.FromBackend(err)
	}
	g.back.AwaitVerdict()
	return nil
}

// ask sends a line and returns the first words of the reply.
func (g *Gate) ask(line string) ([]token, error) {
	if err := g.tell(line); err != nil {
		return nil, err
	}
	return g.hear()
}

// hear returns the next words of the backend.
func (g *Gate) hear() ([]token, error) {
	line, err := g.back.ReadLine()
	if err != nil {
		return nil, gate.FromBackend(err)
	}
	words, err := sentence(g.back, line, byServer, maxReply, true)
	switch {
	case errors.Is(err, errMalformed), errors.Is(err, errFraming), errors.Is(err, errTooLong):
		return nil, gate.Because(gate.BackendGarbage, err)
	case err != nil:
		return nil, gate.FromBackend(err)
	}
	return words, nil
}

// hearGreeting learns the capabilities that a backend greets with.
func (g *Gate) hearGreeting() error {
	offered, end, err := g.hearCapabilities()
	switch {
	case err != nil:
		return err
	case end.status != "OK":
		return g.refused(end, greeted(end))
	}
	g.offered = offered
	return nil
}

// refused ends a session whose backend refuses it before the client is let in. A
// backend that knows who the client is refuses the client, which is then told in
// the backend's words; any other refuses us.
func (g *Gate) refused(r response, err error) error {
	if !g.seen {
		return gate.Because(gate.BackendRefused, err)
	}
	g.refusal = r.lastWords()
	return gate.Because(gate.ClientRefused, err)
}

// lastWords are those of a refusal, as they may be passed on.
func (r response) lastWords() string {
	code, text := join(r.code), gate.ClientRefused.Sentence()
	if len(r.text) > 0 {
		text = r.text[0].text
	}
	if code == "" || code != gate.Words(code) { // or too long, or with a literal in it
		return quote(gate.Words(text))
	}
	return "(" + code + ") " + quote(gate.Words(text))
}

// hearCapabilities reads lines of strings up to the response that ends them.
func (g *Gate) hearCapabilities() (lines [][]token, end response, err error) {
	for left := maxReply; left > 0; {
		words, err := g.hear()
		if err != nil {
			return nil, end, err
		}
		if end, ok := parseResponse(words); ok {
			return lines, end, nil
		}
		if len(words) == 0 || !allStrings(words) {
			return nil, end, gate.Because(gate.BackendGarbage, errReply)
		}
		lines = append(lines, words)
		left -= len(join(words)) + len("\r\n")
	}
	return nil, end, gate.Because(gate.BackendGarbage, errTooMuch)
}

func allStrings(words []token) bool {
	for _, word := range words {
		if !word.isString() {
			return false
		}
	}
	return true
}
