package gate

import "strings"

// maxWords bounds the words of a backend that become our own last words, in
// bytes: with the rest they fit into the lines of all protocols.
const maxWords = 400

// Words are those of a backend that is given up, as they may be passed on:
// bounded, and printable.
func Words(text string) string {
	text = text[:min(len(text), maxWords)]
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, text))
}

// ofHandover are words with which servers refuse the handover itself, and not the
// client that it names (Dovecot, Postfix, Exim).
var ofHandover = []string{
	"not from trusted", "insufficient authorization", "xclient", "unknown command", "unrecognized", "not recognized", "not implemented", "invalid parameter", "syntax error",
}

// RefusesHandover reports whether a refusal is one of the handover itself. A
// backend that has offered it refuses the client otherwise.
func RefusesHandover(words string) bool {
	words = strings.ToLower(words)
	for _, telling := range ofHandover {
		if strings.Contains(words, telling) {
			return true
		}
	}
	return false
}
