package smtp

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"net"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// reference is a backend that parses strictly by RFC 5321, RFC 3030, RFC 2920
// and RFC 4954, with its own parser. It records what it has read, and the first
// input that it must not receive. Its replies are numbered, so that each can be
// matched to its command.
type reference struct {
	net.Conn
	random *rand.Rand // chooses the replies
	offers []string
	leaves int // disconnects after so many replies; 0: never

	received []byte // received, but not parsed yet
	due      bytes.Buffer
	read     []reading
	fault    string
	reply    int
	gone     bool
	inText   bool
	left     int // octets left of a chunk
	chunk    bool
	asks     int // the challenges that remain
	wants    int // the responses that remain before a login can succeed

	mail, rcpt, chunked, binary bool
}

// reading is one command or text that the reference has read, and its reply.
type reading struct {
	verb, args string
	text       string // of a message or chunk, without dot stuffing
	code       int    // of the reply
	reply      int    // the number of the reply
}

// The valid commands, each with its valid arguments.
var grammars = map[string]*regexp.Regexp{
	"EHLO": regexp.MustCompile(`^[^\x00- \x7f]+$`),
	"HELO": regexp.MustCompile(`^[^\x00- \x7f]+$`),
	"MAIL": regexp.MustCompile(`^FROM:<` + mailbox + `*>(?: [^\x00-\x1f\x7f]+)?$`),
	"RCPT": regexp.MustCompile(`^TO:<` + mailbox + `+>(?: [^\x00-\x1f\x7f]+)?$`),
	"DATA": nothing, "RSET": nothing, "QUIT": nothing, "NOOP": nothing,
	"VRFY": regexp.MustCompile(`^[^\x00-\x1f\x7f]+$`),
	"BDAT": regexp.MustCompile(`^(?:0|[1-9][0-9]{0,14})(?: LAST)?$`),
	"AUTH": regexp.MustCompile(`^[A-Z0-9_-]+(?: (?:=|[A-Za-z0-9+/]+={0,2}))?$`),
}

var nothing = regexp.MustCompile(`^$`)

// mailbox matches a part of an address: a quoted string, or a byte without a
// special meaning.
const mailbox = `(?:"(?:[^"\\\x00-\x1f\x7f]|\\[^\x00-\x1f\x7f])*"|[^\x00-\x20"<>\x7f])`

// last are the commands that end a group (RFC 2920 §3.1), without NOOP and
// VRFY, which change nothing.
var last = map[string]bool{"EHLO": true, "HELO": true, "DATA": true, "AUTH": true, "QUIT": true}

func newReference(random *rand.Rand, offers ...string) *reference {
	r := &reference{random: random, offers: offers}
	r.due.WriteString("220 legacy\r\n")
	return r
}

func (r *reference) SetReadDeadline(time.Time) error  { return nil }
func (r *reference) SetWriteDeadline(time.Time) error { return nil }

func (r *reference) Read(p []byte) (int, error) { return r.due.Read(p) }

func (r *reference) Write(p []byte) (int, error) {
	if r.gone {
		return 0, net.ErrClosed
	}
	r.received = append(r.received, p...)
	for r.fault == "" && !r.gone && r.advance() {
	}
	return len(p), nil
}

func (r *reference) blame(format string, args ...any) {
	if r.fault == "" {
		r.fault = fmt.Sprintf(format, args...)
	}
}

// advance reads one command, text or chunk, if it is complete.
func (r *reference) advance() bool {
	switch {
	case r.inText:
		return r.message()
	case r.chunk:
		return r.octets()
	}
	i := bytes.IndexByte(r.received, '\n')
	if i < 0 {
		return false
	}
	line, regular := strings.CutSuffix(string(r.received[:i+1]), "\r\n")
	r.received = r.received[i+1:]
	if !regular || strings.ContainsAny(line, "\r\n\x00") {
		r.blame("a line that does not end in CRLF: %q", line)
		return false
	}
	if r.asks > 0 {
		return r.response(line)
	}
	return r.command(line)
}

func (r *reference) command(line string) bool {
	verb, args, _ := strings.Cut(line, " ")
	grammar, known := grammars[verb]
	if !known || !grammar.MatchString(args) || verb+" "+args != line && verb != line {
		r.blame("no command: %q", line)
		return false
	}
	if r.due.Len() > 0 && (!r.offering("PIPELINING") || last[r.read[len(r.read)-1].verb]) {
		r.blame("%q comes before the answer to %q was read", line, r.read[len(r.read)-1].verb)
	}
	r.read = append(r.read, reading{verb: verb, args: args})
	switch verb {
	case "BDAT":
		digits, _, _ := strings.Cut(args, " ")
		r.left, _ = strconv.Atoi(digits)
		r.chunk = true
		return true
	case "AUTH":
		mechanism, initial, _ := strings.Cut(strings.ToUpper(args), " ")
		r.asks, r.wants = 1+r.random.IntN(2), 1
		if mechanism == "LOGIN" {
			r.wants = 2
		}
		r.given(strings.TrimSpace(initial))
		return r.challenge()
	}
	r.answer(verb)
	r.binary = r.binary && r.mail || verb == "MAIL" && strings.Contains(strings.ToUpper(args), "BODY=BINARYMIME") && r.offering("BINARYMIME")
	return true
}

func (r *reference) offering(keyword string) bool {
	for _, offer := range r.offers {
		if offer == keyword {
			return true
		}
	}
	return false
}

// answer replies to a command as servers do: depending on the state of the
// session, and at random.
func (r *reference) answer(verb string) {
	code, refused := 250, r.random.IntN(12) == 0
	switch {
	case verb == "EHLO" && !refused:
		r.forget()
		r.send(250, append([]string{"legacy"}, r.offers...)...)
		return
	case verb == "QUIT":
		r.send(221, "bye")
		r.gone = true
		return
	case verb == "RSET" || verb == "NOOP":
		refused = false
	case verb == "MAIL" && r.mail, verb == "RCPT" && !r.mail, verb == "DATA" && (!r.rcpt || r.chunked):
		code = 503
	case verb == "DATA" && !refused:
		code, r.inText = 354, true
	}
	if refused && code == 250 {
		code = []int{421, 450, 452, 550, 552, 554}[r.random.IntN(6)]
	}
	r.send(code, "answer")
	r.follow(verb, code)
}

// follow updates the state after a command.
func (r *reference) follow(verb string, code int) {
	switch {
	case code == 421:
		r.gone = true
	case code/100 != 2:
	case verb == "MAIL":
		r.mail = true
	case verb == "RCPT":
		r.rcpt = true
	case verb == "HELO", verb == "RSET":
		r.forget()
	}
}

func (r *reference) forget() { r.mail, r.rcpt, r.chunked = false, false, false }

// send replies to what was read last.
func (r *reference) send(code int, lines ...string) {
	r.reply++
	this := &r.read[len(r.read)-1]
	this.reply, this.code = r.reply, code
	if r.leaves > 0 && r.reply >= r.leaves {
		r.gone = true
		return
	}
	for i, line := range lines {
		separator := "-"
		if i == len(lines)-1 {
			separator = " "
		}
		if i == 0 {
			line = fmt.Sprintf("#%d %s", r.reply, line)
		}
		fmt.Fprintf(&r.due, "%d%s%s\r\n", code, separator, line)
	}
}

func (r *reference) challenge() bool {
	r.reply++
	this := &r.read[len(r.read)-1]
	this.reply, this.code = r.reply, 334
	fmt.Fprintf(&r.due, "334 %s\r\n", base64.StdEncoding.EncodeToString(fmt.Appendf(nil, "#%d ", r.reply)))
	return true
}

// given counts a response, and reports whether it may have carried a password.
func (r *reference) given(response string) bool {
	if response != "" && response != "=" {
		r.wants--
	}
	return r.wants <= 0
}

// response reads a response of the client, in base64.
func (r *reference) response(line string) bool {
	r.read = append(r.read, reading{verb: "response", args: line})
	_, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(line, "="))
	switch r.asks--; {
	case line == "*":
		r.asks = 0
		r.send(501, "cancelled")
	case err != nil:
		r.blame("no response: %q", line)
	case r.asks > 0:
		r.given(line)
		return r.challenge()
	case !r.given(line), r.random.IntN(6) == 0:
		r.send(535, "no")
	default:
		r.send(235, "yes")
	}
	return true
}
