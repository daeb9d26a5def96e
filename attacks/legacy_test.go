package attacks

import (
	"bytes"
	"cmp"
	"regexp"
	"strconv"
	"strings"
)

// The greetings, capabilities and replies of the backends. They trust the proxy
// as much as real servers of each protocol do.
var greetings = map[string]string{
	"smtp":  "220 legacy.internal ESMTP Sendmail 8.9.3\r\n",
	"imap":  "* OK [CAPABILITY IMAP4rev1 STARTTLS LOGINDISABLED ID SASL-IR LITERAL+ LOGIN-REFERRALS MAILBOX-REFERRALS XCLIENT AUTH=PLAIN AUTH=LOGIN AUTH=EXTERNAL AUTH=ANONYMOUS AUTH=SCRAM-SHA-256-PLUS UNAUTHENTICATE COMPRESS=DEFLATE] legacy.internal Cyrus v1.5\r\n",
	"pop3":  "+OK [XCLIENT] legacy.internal Qpopper <1896.697170952@legacy.internal>\r\n",
	"sieve": sieveOffers + "OK \"legacy.internal Pigeonhole\"\r\n",
}

const sieveOffers = "\"IMPLEMENTATION\" \"Pigeonhole 0.1\"\r\n\"SIEVE\" \"fileinto\"\r\n\"SASL\" \"PLAIN LOGIN EXTERNAL SCRAM-SHA-256-PLUS\"\r\n\"STARTTLS\"\r\n\"XCLIENT\"\r\n\"UNAUTHENTICATE\"\r\n"

var offers = map[string][]string{
	"smtp": {
		"PIPELINING", "SIZE 10240000", "8BITMIME", "DSN", "CHUNKING", "BINARYMIME", "STARTTLS", "XCLIENT NAME ADDR PORT PROTO HELO LOGIN",
		"XFORWARD NAME ADDR", "ETRN", "VRFY", "EXPN", "BURL imap", "X_PIPE_CONNECT", "AUTH PLAIN LOGIN EXTERNAL ANONYMOUS SCRAM-SHA-256-PLUS", "AUTH=PLAIN",
	},
	"pop3": {"TOP", "USER", "UIDL", "PIPELINING", "STLS", "XCLIENT ADDR PORT", "SASL PLAIN LOGIN EXTERNAL SCRAM-SHA-256-PLUS", "IMPLEMENTATION Qpopper"},
}

var answers = map[string]func(s *speaker, line string) string{
	"smtp": answerSMTP, "imap": answerIMAP, "pop3": answerPOP3, "sieve": answerSieve,
}

func answerSMTP(s *speaker, line string) string {
	words := strings.Fields(strings.ToUpper(line) + " . .")
	switch words[0] {
	case "EHLO":
		return "250-legacy.internal\r\n250-" + strings.Join(s.offers, "\r\n250-") + "\r\n250 HELP\r\n"
	case "AUTH":
		return s.login(words[1], words[2], "334 \r\n", "235 2.7.0 welcome\r\n")
	case "DATA":
		return s.data()
	case "BDAT":
		return s.chunk(line, words)
	case "QUIT":
		return hangUp
	}
	return "250 2.0.0 legacy ok\r\n"
}

func (s *speaker) data() string {
	if !s.reply("354 go ahead\r\n") {
		return hangUp
	}
	for {
		message, end := s.ends(s.pending)
		if end < 0 {
			return hangUp
		}
		if end > 0 {
			s.keep(string(s.pending[:message]))
			s.pending = s.pending[end:]
			if s.decide != nil {
				s.decide()
			}
			return cmp.Or(s.verdict, "250 2.0.0 queued\r\n")
		}
		if !s.more() {
			return hangUp
		}
	}
}

func (s *speaker) chunk(line string, words []string) string {
	n, err := strconv.Atoi(words[1])
	if err != nil {
		return "501 what?\r\n"
	}
	text, ok := s.counted(n)
	if !ok {
		return hangUp
	}
	s.keep(text)
	if s.chunked != nil {
		return s.chunked(line)
	}
	return "250 2.0.0 octets received\r\n"
}

func (s *speaker) keep(message string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mail = append(s.mail, message)
}

// The ways in which real servers find the end of a message. The functions return
// where the message ends and where the next command begins; 0 is nowhere, and a
// negative value closes the connection.
var (
	anyEnd = regexp.MustCompile(`(?:^|\r\n|\n|\r)\x00*\.\x00*(?:\r\n|\n|\r)`)
	lfEnd  = regexp.MustCompile(`(?:^|\r?\n)\.\r?\n`)
)

// laxEnd accepts everything that resembles a line with a dot.
func laxEnd(text []byte) (message, end int) { return foundEnd(anyEnd, text) }

// postfixEnd is the end in Postfix before 3.9: CR is optional (CVE-2023-51764).
func postfixEnd(text []byte) (message, end int) { return foundEnd(lfEnd, text) }

func foundEnd(end *regexp.Regexp, text []byte) (int, int) {
	if at := end.FindIndex(text); at != nil {
		return at[0], at[1]
	}
	return 0, 0
}

// strictEnd is the end in RFC 5321 §4.1.1.4. The message keeps its last CRLF.
func strictEnd(text []byte) (message, end int) {
	if bytes.HasPrefix(text, []byte(".\r\n")) {
		return 0, 3
	}
	if i := bytes.Index(text, []byte("\r\n.\r\n")); i >= 0 {
		return i + 2, i + 5
	}
	return 0, 0
}

var literal = regexp.MustCompile(`\{(\d+)(\+?)\}$`)

// literals reads the literals that a line announces and the lines after them,
// and returns them as one line. A lost backend does not read literals.
func (s *speaker) literals(line, leave string) (string, bool) {
	for {
		m := literal.FindStringSubmatch(line)
		if m == nil || s.lost {
			return line, true
		}
		if m[2] == "" && leave != "" && !s.reply(leave) {
			return line, false
		}
		n, _ := strconv.Atoi(m[1])
		text, ok := s.counted(n)
		if !ok {
			return line, false
		}
		rest, ok := s.line()
		if !ok {
			return line, false
		}
		line = strings.TrimSuffix(line, m[0]) + strconv.Quote(text) + rest
	}
}

func answerIMAP(s *speaker, line string) string {
	line, ok := s.literals(line, "+ go ahead\r\n")
	words := strings.Fields(line + " . . .")
	tag, name := words[0], strings.ToUpper(words[1])
	switch {
	case !ok:
		return hangUp
	case name == "CAPABILITY":
		_, list, _ := strings.Cut(s.greeting, "[CAPABILITY ")
		list, _, _ = strings.Cut(list, "]")
		return "* CAPABILITY " + list + "\r\n" + tag + " OK done\r\n"
	case name == "AUTHENTICATE":
		return tagged(tag, s.login(words[2], words[3], "+ \r\n", "OK welcome\r\n"))
	case name == "LOGIN":
		s.authed = true
	case name == "UNAUTHENTICATE":
		s.authed = false
	case name == "ID":
		return "* ID NIL\r\n" + tag + " OK done\r\n"
	case name == "LOGOUT":
		return "* BYE bye\r\n" + tag + " OK done\r\n"
	}
	return tag + " OK " + name + " done\r\n"
}

func tagged(tag, reply string) string {
	if reply == hangUp {
		return reply
	}
	return tag + " " + reply
}

func answerPOP3(s *speaker, line string) string {
	words := strings.Fields(strings.ToUpper(line) + " . .")
	switch words[0] {
	case "CAPA":
		return "+OK\r\n" + strings.Join(s.offers, "\r\n") + "\r\n.\r\n"
	case "AUTH":
		return s.login(words[1], words[2], "+ \r\n", "+OK welcome\r\n")
	case "QUIT":
		return hangUp
	}
	return "+OK " + words[0] + "\r\n"
}

func answerSieve(s *speaker, line string) string {
	line, ok := s.literals(line, "")
	words := strings.Fields(strings.ToUpper(line) + " . .")
	switch {
	case !ok:
		return hangUp
	case words[0] == "CAPABILITY":
		return sieveOffers + "OK\r\n"
	case words[0] == "AUTHENTICATE":
		return s.login(strings.Trim(words[1], `"`), words[2], "\"\"\r\n", "OK \"welcome\"\r\n")
	case words[0] == "UNAUTHENTICATE":
		s.authed = false
	case !known[words[0]]:
		return "NO \"unknown command\"\r\n"
	}
	return "OK \"" + words[0] + "\"\r\n"
}

// known holds the commands of a ManageSieve backend.
var known = map[string]bool{
	"XCLIENT": true, "UNAUTHENTICATE": true, "NOOP": true, "LOGOUT": true, "LISTSCRIPTS": true, "PUTSCRIPT": true, "STARTTLS": true,
}
