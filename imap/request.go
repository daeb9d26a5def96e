package imap

import (
	"strconv"
	"strings"
)

// request is a command for the backend. It is sent in pieces: the first at
// once, each of the others after a "+" of the backend.
type request struct {
	tag    string
	pieces []string
	plus   bool // the backend takes literals without a "+" (RFC 7888)
}

// newRequest begins a command with words that need no quoting.
func newRequest(tag, words string, plus bool) *request {
	return &request{tag: tag, pieces: []string{tag + " " + words}, plus: plus}
}

// add appends text to the last piece.
func (r *request) add(text string) { r.pieces[len(r.pieces)-1] += text }

// next returns the next piece for the backend.
func (r *request) next() (piece string) {
	piece, r.pieces = r.pieces[0], r.pieces[1:]
	return piece
}

// sent reports whether the whole command was sent.
func (r *request) sent() bool { return len(r.pieces) == 0 }

// addString appends a string: quoted if it is printable ASCII, which all
// servers read alike, otherwise as a literal.
func (r *request) addString(s string) {
	switch {
	case all(s, isPlain):
		r.add(quote(s))
	case r.plus:
		r.add("{" + strconv.Itoa(len(s)) + "+}" + crlf + s)
	default:
		r.add("{" + strconv.Itoa(len(s)) + "}")
		r.wait()
		r.add(s)
	}
}

// wait ends a piece: what follows is sent after a "+".
func (r *request) wait() {
	r.finish()
	r.pieces = append(r.pieces, "")
}

// finish ends the last line of the command.
func (r *request) finish() { r.add(crlf) }

var escapes = strings.NewReplacer(`\`, `\\`, `"`, `\"`)

// quote writes printable ASCII as a quoted string (RFC 9051 §9).
func quote(s string) string { return `"` + escapes.Replace(s) + `"` }
