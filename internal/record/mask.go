package record

import (
	"fmt"
	"slices"
	"strings"
)

// standIn replaces a password, and each part of a response that is secret.
const standIn = "xxxxxxxx"

// masked replaces a text that is not known to be harmless.
func masked(text string) string { return sized(len(text)) }

func sized(n int) string { return fmt.Sprintf("[%d bytes]", n) }

// secrets are the texts that must not pass anywhere in a conversation.
type secrets struct {
	all  []string
	full bool // there were more than maxSecrets
}

const (
	// minSecret is the length from which on a secret is searched for in all lines. A
	// shorter one is part of many harmless words, and is masked only where it was sent.
	minSecret = 4

	// maxSecrets bounds the secrets of a conversation; see Conversation.Add.
	maxSecrets = 512
)

// add adds secrets.
func (s *secrets) add(texts ...string) {
	for _, text := range texts {
		switch {
		case len(text) < minSecret || slices.Contains(s.all, text):
		case len(s.all) == maxSecrets:
			s.full = true
		default:
			s.all = append(s.all, strings.Clone(text))
		}
	}
}

// addWords adds a line that was not understood, and its words: one of them may be a
// password that was sent at the wrong moment.
func (s *secrets) addWords(line string) {
	if line = strings.TrimSpace(line); !slices.Contains(harmlessWords, strings.ToUpper(line)) {
		s.add(line)
	}
	for _, word := range strings.Fields(line) {
		if len(word) >= minPassword && !slices.Contains(harmlessWords, strings.ToUpper(word)) {
			s.add(word, strings.Trim(word, `"`))
		}
	}
}

// minPassword is the length from which on a word of such a line is taken for a
// password.
const minPassword = 6

// harmlessWords are not passwords, although they are in lines that are masked.
var harmlessWords = words("STARTTLS CAPABILITY AUTHENTICATE SELECT LOGOUT EXAMINE LOGIN")

// sort puts the longest secret first, so that none is cut by a shorter one.
func (s *secrets) sort() {
	slices.SortFunc(s.all, func(a, b string) int { return len(b) - len(a) })
}

// remove replaces all secrets in a text.
func (s *secrets) remove(text string) string {
	for _, secret := range s.all {
		text = strings.ReplaceAll(text, secret, standIn)
	}
	return text
}

// exchange is one side of a session, the client's or the backend's, while its lines
// are masked.
type exchange struct {
	language
	secrets   *secrets
	texts     bool // message texts pass
	toBackend bool // the commands are the proxy's

	loggingIn bool     // a command has begun a SASL exchange
	sasl      bool     // the next line of the commands is a response
	mechanism string   // of the exchange, in upper case
	given     int      // responses so far
	text      bool     // the commands are the text of a message, up to a dot
	header    bool     // SMTP to the backend: the text so far is the proxy's own header
	multi     bool     // POP3: the replies are lines up to a dot
	harmless  bool     // POP3: these lines pass
	pending   []string // POP3: commands without a reply
	literals  [2]literal
}

// literal is a counted string in the commands or in the replies.
type literal struct {
	left     int    // bytes
	secret   bool   // it is a password or a response
	response bool   // it is a SASL response, or a challenge
	rest     bool   // the line behind it belongs to the same command
	before   string // the line that announces a response, up to its length
	plus     bool   // the announcement has a "+"
}

// language is a protocol, as far as its lines are masked.
type language interface {
	// command masks a line of the commands, reply a line of the replies. They set the
	// literal that the line announces.
	command(x *exchange, line string) string
	reply(x *exchange, line string) string
}

// languages are the protocols.
var languages = map[string]language{"smtp": smtp{}, "imap": imap{}, "pop3": pop3{}, "sieve": sieve{}}

// reset forgets the state of the commands, because the gate has read a new one.
func (x *exchange) reset() {
	x.sasl, x.text, x.loggingIn = false, false, false
	x.literals[commands] = literal{}
}

// unknown masks a line that is not understood.
func (x *exchange) unknown(line string) string {
	x.secrets.addWords(line)
	return masked(line)
}

// content masks a piece of a message.
func (x *exchange) content(text string) string {
	if x.texts {
		return text
	}
	return masked(text)
}

// verb splits a line after its first word, which it returns in upper case.
func verb(line string) (word, rest string) {
	word, rest, _ = strings.Cut(line, " ")
	return strings.ToUpper(word), rest
}

func words(list string) []string { return strings.Fields(list) }
