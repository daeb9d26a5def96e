package record

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

type smtp struct{}

var (
	smtpBare  = words("STARTTLS RSET QUIT DATA NOOP HELP")
	smtpHello = words("EHLO HELO LHLO")
	smtpReply = regexp.MustCompile(`^[2-5][0-9][0-9]([ -]|$)`)
	smtpName  = regexp.MustCompile(`^[A-Za-z0-9._:\[\]-]{1,255}$`)
	smtpPath  = regexp.MustCompile(`(?i)^(MAIL FROM|RCPT TO): ?<[^<>\s]*>( [A-Z0-9-]+(=[^\s=]*)?)*$`)
	smtpChunk = regexp.MustCompile(`(?i)^BDAT ([0-9]{1,12})( LAST)?$`)
)

func (smtp) command(x *exchange, line string) string {
	word, rest := verb(line)
	switch {
	case x.sasl:
		x.sasl = false
		return x.response(line)
	case word == "AUTH":
		return line[:len("AUTH")] + " " + x.login(rest)
	case rest == "" && slices.Contains(smtpBare, word),
		slices.Contains(smtpHello, word) && smtpName.MatchString(rest),
		smtpPath.MatchString(line):
		return line
	case word == "XCLIENT" || word == "XFORWARD":
		return word + " " + x.unknown(rest)
	}
	if match := smtpChunk.FindStringSubmatch(line); match != nil {
		if n, err := strconv.Atoi(match[1]); err == nil {
			x.literals[commands] = literal{left: n}
			return line
		}
	}
	return x.unknown(line)
}

func (smtp) reply(x *exchange, line string) string {
	switch {
	case !smtpReply.MatchString(line):
		return masked(line)
	case strings.HasPrefix(line, "334"):
		x.sasl = true
		if len(line) > len("334 ") {
			return line[:len("334 ")] + x.challenge(line[len("334 "):])
		}
	case strings.HasPrefix(line, "354 "), line == "354":
		x.text, x.header = true, true
	}
	return line
}
