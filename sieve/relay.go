package sieve

import (
	"errors"

	"github.com/letterlock/letterlock/internal/gate"
)

// Inspect inspects the client's data while the session is relayed.
//
// UNAUTHENTICATE (RFC 5804 §2.14.1) returns to the state before the login.
// There the backend would accept an XCLIENT, and the next login would not be
// checked. The last letter of such a command is changed before it is forwarded,
// so that the backend replies to it as to an unknown command and the replies
// stay in order. All strings are forwarded unchanged, including scripts.
//
// If servers disagree about whether bytes are a command or the content of a
// literal, the session ends.
func (g *Gate) Inspect(piece []byte) error {
	if err := g.relayed.inspect(piece); err != nil {
		return gate.Because(gate.Desynchronised, err)
	}
	return nil
}

// forbidden are the commands that a logged-in client must not send. Cyrus
// accepts STARTTLS after the login too, and the following bytes would be
// encrypted. AUTHENTICATE is a part of UNAUTHENTICATE.
var forbidden = []string{"AUTHENTICATE", "STARTTLS", "XCLIENT"}

// longest is the length of the longest command, forbidden or not.
const longest = len("UNAUTHENTICATE")

// window holds the last letters, in upper case.
type window [longest]byte

// completes adds a byte and reports whether a forbidden command ends with it.
// The bytes before the command do not matter: Cyrus continues in the middle of
// a line that it has refused.
func (w *window) completes(b byte) bool {
	copy(w[:], w[1:])
	w[longest-1] = upper(b)
	for _, command := range forbidden {
		if string(w[longest-len(command):]) == command {
			return true
		}
	}
	return false
}

func isLetter(b byte) bool { return 'A' <= upper(b) && upper(b) <= 'Z' }

func isDigit(b byte) bool { return '0' <= b && b <= '9' }

func upper(b byte) byte {
	if 'a' <= b && b <= 'z' {
		return b - 'a' + 'A'
	}
	return b
}

// isControl reports whether a byte is not allowed in the name of a script (RFC
// 5804 §1.6).
func isControl(b byte) bool { return b < ' ' || b == 0x7f }

var (
	errNUL       = errors.New("a NUL in a command")
	errLiteral   = errors.New("a literal that servers read differently")
	errQuoted    = errors.New("a quoted string with a line end")
	errName      = errors.New("a control character in a literal that is a name")
	errForbidden = errors.New("a forbidden command in a string that servers read differently")
)
