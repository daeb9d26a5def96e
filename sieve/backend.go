package sieve

import (
	"errors"
	"fmt"
	"strings"

	"github.com/letterlock/letterlock/internal/gate"
)

// response ends the reply to a command (RFC 5804 §1.2, §1.3).
type response struct {
	status   string  // OK, NO or BYE
	code     []token // the words between the parentheses
	text     []token // one string, or none
	referral bool    // the code was a referral, and was removed
}

const referral = "REFERRAL"

// parseResponse reads words as a response, if they are one. It removes a
// referral, which names a server behind the proxy and would lead the client
// around it.
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
	if len(r.code) > 0 && strings.EqualFold(r.code[0].text, referral) {
		r.code = nil
		r.referral = true
	}
	return r, len(r.text) == 0 || isChallenge(r.text)
}

// closed returns the index of the parenthesis that closes the one at the start.
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

// String returns the response as it is forwarded.
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
	errReply   = errors.New("an unexpected reply")
	errUnasked = errors.New("the backend has sent a reply without a command")
	errTooMuch = errors.New("a reply with too many lines")
	errBye     = errors.New("the backend sent BYE")
)

// greeted returns an error that quotes the greeting.
func greeted(r response) error { return fmt.Errorf("its greeting is %.80q", r.String()) }

// maxReply bounds a reply with its literals, in bytes.
const maxReply = 64 << 10

// send sends a line. If the backend has sent a reply before the command, that
// reply would be taken for the reply to this command, so the session ends.
func (g *Gate) send(line string) error {
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

// ask sends a line and returns the words of the reply's first line.
func (g *Gate) ask(line string) ([]token, error) {
	if err := g.send(line); err != nil {
		return nil, err
	}
	return g.readWords()
}

// readWords returns the words of the backend's next line.
func (g *Gate) readWords() ([]token, error) {
	line, err := g.back.ReadLine()
	if err != nil {
		return nil, gate.FromBackend(err)
	}
	words, err := readSentence(g.back, line, byServer, maxReply, true)
	switch {
	case errors.Is(err, errMalformed), errors.Is(err, errFraming), errors.Is(err, errTooLong):
		return nil, gate.Because(gate.BackendGarbage, err)
	case err != nil:
		return nil, gate.FromBackend(err)
	}
	return words, nil
}

// readGreeting reads the greeting, which lists the backend's capabilities.
func (g *Gate) readGreeting() error {
	offered, end, err := g.readCapabilities()
	switch {
	case err != nil:
		return err
	case end.status != "OK":
		return g.refused(end, greeted(end))
	}
	g.offered = offered
	return nil
}

// refused ends a session whose backend refuses it before the login. A backend
// that knows the client's address refuses the client, which receives the
// backend's text. Any other backend refuses the proxy.
func (g *Gate) refused(r response, err error) error {
	if !g.clientKnown {
		return gate.Because(gate.BackendRefused, err)
	}
	g.refusal = r.lastWords()
	return gate.Because(gate.ClientRefused, err)
}

// lastWords returns the code and the text of a refusal that may be forwarded to
// the client.
func (r response) lastWords() string {
	code, text := join(r.code), gate.ClientRefused.Sentence()
	if len(r.text) > 0 {
		text = r.text[0].text
	}
	if code == "" || code != gate.Words(code) { // or too long, or with a literal
		return quote(gate.Words(text))
	}
	return "(" + code + ") " + quote(gate.Words(text))
}

// readCapabilities reads lines of strings, and the response that ends them.
func (g *Gate) readCapabilities() (lines [][]token, end response, err error) {
	for left := maxReply; left > 0; {
		words, err := g.readWords()
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
