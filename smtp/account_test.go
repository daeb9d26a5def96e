package smtp

import (
	"encoding/base64"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/letterlock/letterlock/internal/test/mta"
)

// account derives which messages are delivered from the commands that a client
// has sent and the replies that it has received. It interprets both
// strictly by the RFCs, as reference does.
type account struct {
	said, output string
	rejects      bool      // texts with bare CR, LF or NUL
	done         []reading // the commands that have succeeded; those answered by the backend have its reply's number
	greeted      bool      // an EHLO or HELO is in force
	chunks       assembly  // the message that is sent in chunks
	fault        string
}

// clientReply is one reply to the client.
type clientReply struct {
	code   int
	number int // of the backend's reply; 0: it is the gate's own
	text   string
}

var replyLine = regexp.MustCompile(`^([2-5][0-9][0-9])(?:([ -])(.*))?$`)

var number = regexp.MustCompile(`^#([0-9]+) `)

// next returns the next reply; ok is false if there is none.
func (a *account) next() (r clientReply, ok bool) {
	for {
		line, rest, found := strings.Cut(a.output, "\r\n")
		if !found {
			if a.output != "" {
				a.blame("half a reply: %q", a.output)
			}
			return r, false
		}
		m := replyLine.FindStringSubmatch(line)
		if m == nil || strings.ContainsAny(line, "\r\n\x00") || r.code != 0 && m[1] != strconv.Itoa(r.code) {
			a.blame("no reply: %q", line)
			return r, false
		}
		if a.output = rest; r.code == 0 {
			r.code, _ = strconv.Atoi(m[1])
			r.text = m[3]
			r.number = numberIn(r)
		}
		if m[2] != "-" {
			return r, true
		}
	}
}

// numberIn returns the number of the backend's reply that a reply to the client
// contains, or 0.
func numberIn(r clientReply) int {
	text := r.text
	if r.code == 334 {
		challenge, _ := base64.StdEncoding.DecodeString(text)
		text = string(challenge)
	}
	if m := number.FindStringSubmatch(text); m != nil {
		n, _ := strconv.Atoi(m[1])
		return n
	}
	return 0
}

func (a *account) blame(format string, args ...any) {
	if a.fault == "" {
		a.fault = fmt.Sprintf(format, args...)
	}
}

// settle reads the whole output: the greeting, then one reply for each line of
// the client.
func (a *account) settle() {
	if _, ok := a.next(); !ok {
		return
	}
	for a.fault == "" {
		line, rest, found := strings.Cut(a.said, "\n")
		if !found {
			return
		}
		r, ok := a.next()
		if !ok {
			return
		}
		a.said = rest
		line, regular := strings.CutSuffix(line, "\r")
		if !regular || strings.ContainsAny(line, "\r\x00") {
			a.must(r.number == 0 && r.code/100 >= 4, "the broken line %q is answered %+v", line, r)
			continue
		}
		a.command(line, r)
	}
}

func (a *account) must(ok bool, format string, args ...any) {
	if !ok {
		a.blame(format, args...)
	}
}

// own are the commands that the gate may accept without the backend.
var own = []string{"EHLO", "HELO", "NOOP", "RSET", "HELP", "QUIT", "STARTTLS", "BDAT"}

func (a *account) command(line string, r clientReply) {
	verb, args, _ := strings.Cut(line, " ")
	verb, args = strings.ToUpper(verb), strings.Trim(args, " \t")
	a.must(r.number > 0 || r.code/100 != 2 || slices.Contains(own, verb), "%q is answered with the gate's own %+v", line, r)
	switch {
	case verb == "DATA" && r.code == 354:
		a.message()
		return
	case verb == "AUTH" && r.code == 334:
		a.claim("AUTH", args, r)
		a.exchange()
		return
	case verb == "BDAT":
		a.chunk(args, r)
		return
	case (verb == "EHLO" || verb == "HELO") && r.code == 250:
		a.greeted, a.chunks = true, assembly{}
	case verb == "STARTTLS" && r.code == 220: // the state is reset (RFC 3207 §4.2)
		a.greeted, a.chunks = false, assembly{}
	case verb == "MAIL" && r.code == 250:
		a.chunks = assembly{binary: !a.rejects && strings.Contains(strings.ToUpper(args), "BODY=BINARYMIME")}
	case verb == "RSET" && r.code == 250:
		a.chunks = assembly{}
	}
	a.claim(verb, args, r)
}

// claim records a command and its reply, if that reply is the backend's.
func (a *account) claim(verb, args string, r clientReply) {
	if r.number > 0 {
		a.must(a.greeted || verb == "EHLO" || verb == "HELO", "%s %s has reached the backend before EHLO", verb, args)
		a.done = append(a.done, reading{verb: verb, args: meant(verb, args), code: r.code, reply: r.number})
	}
}

var address = regexp.MustCompile(`(?i)^(FROM|TO): *(?:<((?:"(?:[^"\\]|\\.)*"|[^"<> \t])*)>|([^"<> \t]+))(?: +(.*))?$`)

// meant returns the arguments in their strict form.
func meant(verb, args string) string {
	switch verb {
	case "MAIL", "RCPT":
		m := address.FindStringSubmatch(args)
		if m == nil {
			return "no address: " + args
		}
		path := strings.ToUpper(m[1]) + ":<" + m[2] + m[3] + ">"
		return strings.TrimSuffix(path+" "+m[4], " ")
	case "AUTH":
		fields := strings.Fields(args)
		return strings.Join(append([]string{strings.ToUpper(fields[0])}, fields[1:]...), " ")
	case "NOOP":
		return ""
	}
	return args
}

// message reads the text after a 354; mta.Meaning gives its meaning.
func (a *account) message() {
	content, rest, ended := mta.Meaning([]byte(a.said))
	if !ended {
		a.said = ""
		return
	}
	raw := a.said[:len(a.said)-len(rest)]
	a.said = string(rest)
	if r, ok := a.next(); ok {
		a.must(!a.rejects || mta.Regular(raw) == raw || r.code >= 400, "%q is answered %+v", raw, r)
		a.must(r.number > 0 || r.code/100 != 2, "a message is answered with the gate's own %+v", r)
		if r.number > 0 {
			a.done = append(a.done, reading{verb: "text", text: string(content), code: r.code, reply: r.number})
		}
	}
}

var chunkArgs = regexp.MustCompile(`(?i)^([0-9]{1,15})(?: +(LAST))?$`)

// exchange reads a SASL exchange after the first challenge.
func (a *account) exchange() {
	for {
		line, rest, found := strings.Cut(a.said, "\n")
		r, ok := a.next()
		if !found || !ok {
			return
		}
		a.said = rest
		response, _ := strings.CutSuffix(line, "\r")
		if r.number > 0 {
			a.done = append(a.done, reading{verb: "response", args: response, code: r.code, reply: r.number})
		}
		if r.code != 334 {
			return
		}
	}
}

// byItself reports whether the gate may send a command without the client.
func byItself(r reading) bool {
	return slices.Contains([]string{"EHLO", "HELO", "RSET", "QUIT"}, r.verb) || r.verb == "response" && r.args == "*"
}

// compare returns a difference between what the backend has read and what the
// replies to the client promise, or "". Commands without a reply may only be at
// the end of a session that was cut off.
func compare(done, read []reading, cut bool) string {
	for i, r := range read {
		asked := r.verb == "DATA" && i+1 < len(read) && read[i+1].verb == "text" // the gate sends the 354 itself
		switch {
		case len(done) > 0 && done[0].reply == r.reply:
			want := done[0]
			if want.verb == "text" && r.verb == "DATA" { // the spooled message was refused
				want.verb, want.text = "DATA", ""
			}
			if r.code >= 400 && (r.verb == "EHLO" || r.verb == "HELO") && want.code == r.code {
				want = r // the backend has refused the client's EHLO, and so the next command too
			}
			if r != want {
				return fmt.Sprintf("the backend has read %+v; by its reply the client expects %+v", r, want)
			}
			done = done[1:]
		case byItself(r) || asked:
		case !cut:
			return fmt.Sprintf("the backend has read %+v, and the client got no reply", r)
		}
	}
	if len(done) > 0 {
		return fmt.Sprintf("the client got a reply to %+v, which the backend has not read", done[0])
	}
	return ""
}
