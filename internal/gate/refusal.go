package gate

import "strings"

// maxWords is the maximum length of a backend's text in a last reply, in bytes,
// so that the reply fits into a line of every protocol.
const maxWords = 400

// Words returns a backend's text in a form that can be quoted to the client:
// short and printable.
func Words(text string) string {
	text = text[:min(len(text), maxWords)]
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, text))
}

// ofHandover are texts with which Dovecot, Postfix and Exim refuse the handover
// itself, and not the client in it.
var ofHandover = []string{
	"not from trusted", "insufficient authorization", "xclient", "unknown command", "unrecognized", "not recognized", "not implemented", "invalid parameter", "syntax error",
}

// RefusesHandover reports whether a backend refuses the handover itself. Any other
// refusal is about the client.
func RefusesHandover(words string) bool {
	words = strings.ToLower(words)
	for _, telling := range ofHandover {
		if strings.Contains(words, telling) {
			return true
		}
	}
	return false
}
