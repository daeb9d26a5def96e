package record

import (
	"regexp"
	"slices"
	"strings"
)

type sieve struct{}

var (
	sieveVerbs = words("CAPABILITY STARTTLS LOGOUT NOOP LISTSCRIPTS SETACTIVE HAVESPACE GETSCRIPT DELETESCRIPT RENAMESCRIPT " +
		"CHECKSCRIPT PUTSCRIPT UNAUTHENTICATE")
	sieveArguments = regexp.MustCompile(`^(?: (?:"(?:[^"\\]|\\.)*"|[0-9]+|\{[0-9]+\+?\}))*$`)
	sieveStatus    = regexp.MustCompile(`(?i)^(OK|NO|BYE)( |$)`)
	sieveSASL      = regexp.MustCompile(`(?i)\(SASL ("[^"]*"|[^)]*)\)`)
)

func (sieve) command(x *exchange, line string) string {
	before := x.literals[commands]
	next, counted := announced(line)
	x.literals[commands] = next
	word, rest := verb(line)
	switch {
	case before.rest:
		return behind(x, line, before.secret, counted)
	case x.loggingIn || x.sasl:
		x.sasl = false
		return x.sieveResponse(line, counted)
	case word == "AUTHENTICATE" && counted:
		name, _, _ := strings.Cut(rest, " ")
		return x.sieveResponse(word+" "+x.login(name)+" "+imapLiteral.FindString(line), true)
	case word == "AUTHENTICATE":
		return word + " " + x.login(rest)
	case word == "XCLIENT" && !counted:
		return word + " " + x.unknown(rest)
	case slices.Contains(sieveVerbs, word) && sieveArguments.MatchString(line[len(word):]):
		if word == "NOOP" && rest != "" {
			x.secrets.add(strings.Trim(rest, `"`))
			return word + ` "` + standIn + `"`
		}
		return line
	}
	x.literals[commands].secret = true
	return x.unknown(line)
}

// sieveResponse masks a response. If it is a literal, the line is written with the
// literal, whose length changes.
func (x *exchange) sieveResponse(line string, counted bool) string {
	if !counted {
		return x.response(line)
	}
	l := &x.literals[commands]
	l.secret, l.response = true, true
	l.before = line[:strings.LastIndexByte(line, '{')]
	return ""
}

func (sieve) reply(x *exchange, line string) string {
	before := x.literals[replies]
	next, counted := announced(line)
	x.literals[replies] = next
	switch {
	case before.rest && line == "":
		return line
	case before.rest:
		return x.content(line)
	case sieveStatus.MatchString(line):
		x.loggingIn, x.sasl = false, false
		return sieveSASL.ReplaceAllString(line, `(SASL "eHh4eHh4eHg=")`)
	case x.loggingIn && counted && next.before == "":
		x.literals[replies].secret, x.literals[replies].response = true, true
		return ""
	case x.loggingIn:
		return x.challenge(line)
	case strings.HasPrefix(line, `"`), counted && next.before == "":
		return line
	}
	return masked(line)
}
