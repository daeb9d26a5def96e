package record

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

type imap struct{}

var (
	imapBare = words("CAPABILITY NOOP LOGOUT STARTTLS IDLE CHECK CLOSE UNSELECT EXPUNGE NAMESPACE")

	// imapVerbs name mailboxes, numbers and flags.
	imapVerbs = words("ENABLE SELECT EXAMINE CREATE DELETE RENAME SUBSCRIBE UNSUBSCRIBE LIST LSUB XLIST STATUS APPEND " +
		"FETCH STORE COPY MOVE GETQUOTA GETQUOTAROOT COMPRESS EXPUNGE")

	// imapSearch have words of messages as strings.
	imapSearch = words("SEARCH SORT THREAD")

	imapData = words("OK NO BAD BYE PREAUTH CAPABILITY LIST LSUB XLIST STATUS SEARCH SORT THREAD ESEARCH FLAGS ENABLED NAMESPACE " +
		"QUOTA QUOTAROOT VANISHED")

	imapTag     = regexp.MustCompile(`^[A-Za-z0-9.]{1,32}$`)
	imapShort   = regexp.MustCompile(`^[A-Za-z][0-9]{0,4}$`) // a tag that cannot be a password
	imapID      = regexp.MustCompile(`^\((?: ?(?:"(?:[^"\\]|\\.)*"|NIL))+\)$`)
	imapLiteral = regexp.MustCompile(`(~?)\{([0-9]{1,9})(\+?)\}$`)
	imapLogin   = regexp.MustCompile(`^("(?:[^"\\]|\\.)*"|[^\s"{]+) ("(?:[^"\\]|\\.)*"|[^\s"{]+)$`)
	imapString  = regexp.MustCompile(`"(?:[^"\\]|\\.)*"`)
	imapNumber  = regexp.MustCompile(`(?i)^\* [0-9]+ (EXISTS|RECENT|EXPUNGE)$`)
	imapFetch   = regexp.MustCompile(`(?i)^(\* [0-9]+ FETCH )(.*)$`)
	imapFlags   = regexp.MustCompile(`(?i)^\((?:(?:(?:UID|RFC822\.SIZE) [0-9]+|FLAGS \([^()"{}]*\)|MODSEQ \([0-9]+\)|INTERNALDATE "[^"]*") ?)+\)$`)
)

// announced returns the literal that a line announces.
func announced(line string) (l literal, found bool) {
	match := imapLiteral.FindStringSubmatch(line)
	if match == nil {
		return literal{}, false
	}
	n, err := strconv.Atoi(match[2])
	return literal{left: n, rest: true, plus: match[3] != "", before: line[:len(line)-len(match[0])]}, err == nil
}

func (imap) command(x *exchange, line string) string {
	before := x.literals[commands]
	next, counted := announced(line)
	next.secret = before.secret
	if x.literals[commands] = next; before.rest {
		return behind(x, line, before.secret, counted)
	}
	if x.sasl {
		x.sasl = false
		return x.response(line)
	}
	tag, rest, _ := strings.Cut(line, " ")
	word, arguments := verb(rest)
	search := word
	if word == "UID" {
		search, _ = verb(arguments)
	}
	switch {
	case rest == "" && strings.EqualFold(tag, "DONE"):
		return line
	case !imapTag.MatchString(tag):
	case word == "LOGIN":
		return imapLoginLine(x, tag+" "+rest[:len("LOGIN")], arguments, counted)
	case word == "AUTHENTICATE":
		x.literals[commands].secret = true
		return tag + " " + rest[:len("AUTHENTICATE")] + " " + x.login(arguments)
	case word == "ID":
		x.literals[commands].secret = true
		return tag + " ID " + x.imapFields(arguments)
	case arguments == "" && slices.Contains(imapBare, word), slices.Contains(imapVerbs, search):
		return line
	case slices.Contains(imapSearch, search):
		return imapString.ReplaceAllString(line, `"`+standIn+`"`)
	}
	x.literals[commands].secret = true
	if imapShort.MatchString(tag) && rest != "" {
		return tag + " " + x.unknown(rest)
	}
	return x.unknown(line)
}

// imapFields masks the names and the values of an ID command, or of its reply.
func (x *exchange) imapFields(arguments string) string {
	if strings.EqualFold(arguments, "NIL") {
		return arguments
	}
	if !imapID.MatchString(arguments) {
		return x.unknown(arguments)
	}
	return imapString.ReplaceAllString(arguments, `"`+standIn+`"`)
}

// imapLoginLine masks the password of LOGIN, or all arguments if they are not two
// strings in the line.
func imapLoginLine(x *exchange, head, arguments string, counted bool) string {
	if counted {
		x.literals[commands].secret = true
		name, _, given := strings.Cut(arguments, " {")
		if given && !strings.Contains(strings.Trim(name, `"`), " ") {
			return head + " " + name + " " + resized(arguments)
		}
		x.secrets.addWords(name)
		return head + " " + resized(arguments)
	}
	match := imapLogin.FindStringSubmatch(arguments)
	if match == nil {
		return head + " " + x.unknown(arguments)
	}
	password := strings.Trim(match[2], `"`)
	x.secrets.add(password, strings.NewReplacer(`\"`, `"`, `\\`, `\`).Replace(password))
	if match[2][0] == '"' {
		return head + " " + match[1] + ` "` + standIn + `"`
	}
	return head + " " + match[1] + " " + standIn
}

// resized returns the announcement of a literal with the length of standIn.
func resized(line string) string {
	match := imapLiteral.FindStringSubmatch(line)
	return match[1] + "{" + strconv.Itoa(len(standIn)) + match[3] + "}"
}

// behind masks the rest of a command, behind a literal.
func behind(x *exchange, line string, secret, counted bool) string {
	switch {
	case line == "" || line == ")":
		return line
	case secret && counted:
		x.secrets.addWords(line[:strings.LastIndexByte(line, '{')])
		return " " + resized(line)
	case counted:
		return " " + imapLiteral.FindString(line)
	case secret:
		x.secrets.addWords(line)
		return " " + standIn
	}
	return masked(line)
}

func (imap) reply(x *exchange, line string) string {
	before := x.literals[replies]
	next, counted := announced(line)
	x.literals[replies] = next
	tag, rest, _ := strings.Cut(line, " ")
	word, arguments := verb(rest)
	fetch := imapFetch.FindStringSubmatch(line)
	switch {
	case before.rest && counted:
		return x.content(next.before) + imapLiteral.FindString(line)
	case before.rest && line != ")":
		return x.content(line)
	case before.rest:
		return line
	case tag == "+":
		return imapContinuation(x, line, rest)
	case fetch != nil && (x.texts || imapFlags.MatchString(fetch[2])), imapNumber.MatchString(line):
		return line
	case fetch != nil && counted:
		return fetch[1] + masked(strings.TrimSuffix(fetch[2], imapLiteral.FindString(line))) + imapLiteral.FindString(line)
	case fetch != nil:
		return fetch[1] + masked(fetch[2])
	case tag == "*" && word == "ID":
		return "* ID " + x.imapFields(arguments)
	case tag == "*" && slices.Contains(imapData, word):
		return line
	case imapTag.MatchString(tag) && slices.Contains(words("OK NO BAD"), word):
		x.sasl, x.loggingIn = false, false
		return line
	case counted:
		return masked(next.before) + imapLiteral.FindString(line)
	}
	return masked(line)
}

// imapContinuation masks a "+": within a login it is a challenge.
func imapContinuation(x *exchange, line, challenge string) string {
	pending := x.literals[commands]
	if !x.loggingIn || pending.rest {
		return line
	}
	if x.sasl = true; challenge == "" {
		return line
	}
	return "+ " + x.challenge(challenge)
}
