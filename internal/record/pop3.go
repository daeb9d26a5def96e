package record

import (
	"regexp"
	"slices"
	"strings"
)

type pop3 struct{}

var (
	pop3Verbs    = words("CAPA STLS QUIT NOOP STAT LIST UIDL RETR DELE RSET TOP LAST UTF8 LANG")
	pop3Argument = regexp.MustCompile(`^[0-9 ]*$`)
	pop3List     = regexp.MustCompile(`^[A-Za-z0-9 ._<>@+/=-]{1,160}$`) // a line of CAPA, LIST or UIDL
)

// maxPending bounds the commands without a reply that are remembered.
const maxPending = 256

func (pop3) command(x *exchange, line string) string {
	if x.sasl {
		x.sasl = false
		return x.response(line)
	}
	word, rest := verb(line)
	if x.pending = append(x.pending, pop3Kind(word, rest)); len(x.pending) > maxPending {
		x.secrets.full = true // the recording of the session ends
	}
	switch name, digest, _ := strings.Cut(rest, " "); {
	case word == "USER" && rest != "" && !strings.Contains(rest, " "):
		return line
	case word == "PASS":
		x.secrets.add(rest)
		x.secrets.addWords(rest)
		return line[:len("PASS")] + " " + standIn
	case word == "APOP":
		if strings.Contains(digest, " ") || digest == "" {
			return word + " " + x.unknown(rest)
		}
		x.secrets.add(digest)
		return line[:len("APOP")] + " " + name + " " + standInDigest
	case word == "AUTH" && rest != "":
		return line[:len("AUTH")] + " " + x.login(rest)
	case word == "XCLIENT":
		return word + " " + x.unknown(rest)
	case word == "AUTH", slices.Contains(pop3Verbs, word) && pop3Argument.MatchString(rest):
		return line
	}
	return x.unknown(line)
}

// The replies of POP3 that have several lines: harmless ones, and messages.
const (
	listing = "listing"
	message = "message"
)

// pop3Kind returns the kind of the reply to a command.
func pop3Kind(word, arguments string) string {
	switch {
	case word == "CAPA", arguments == "" && (word == "LIST" || word == "UIDL" || word == "AUTH"):
		return listing
	case word == "RETR", word == "TOP":
		return message
	}
	return ""
}

func (pop3) reply(x *exchange, line string) string {
	switch {
	case line == "+" || line == "+ ":
		x.sasl = true
		return line
	case strings.HasPrefix(line, "+ "):
		x.sasl = true
		return "+ " + x.challenge(line[len("+ "):])
	case !strings.HasPrefix(line, "+OK") && !strings.HasPrefix(line, "-ERR"):
		return masked(line)
	}
	kind := ""
	if len(x.pending) > 0 {
		kind, x.pending = x.pending[0], x.pending[1:]
	}
	if strings.HasPrefix(line, "+OK") {
		x.multi, x.harmless = kind != "", kind == listing
	}
	return line
}
