package smtp

import (
	"bytes"
	"fmt"

	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/smtp/syntax"
)

// reply is what the backend has answered: one code and its lines, as they go
// on to the client.
type reply struct {
	code int
	text []byte // each line with its CRLF; valid until the next reply
}

func (r reply) ok() bool { return r.code >= 200 && r.code < 300 }

// error describes a reply that was not hoped for. Replies hold no secrets.
func (r reply) error(to string) error {
	line, _, _ := bytes.Cut(r.text, []byte("\r\n"))
	return fmt.Errorf("the backend answers %s with %q", to, line[:min(len(line), 200)])
}

// maxReply bounds a reply, in bytes: a long HELP and a longer EHLO fit in.
const maxReply = 64 << 10

// hearGreeting reads the greeting, which may be a refusal.
func (g *Gate) hearGreeting() error {
	r, err := g.readReply()
	if err == nil && r.code != 220 {
		err = g.refused(r, "the connection")
	}
	return err
}

// readReply reads one reply of the backend.
func (g *Gate) readReply() (reply, error) {
	g.back.AwaitReply()
	return g.readLines()
}

// readVerdict reads the reply to the end of a message, which may take long
// (RFC 5321 §4.5.3.2.6: ten minutes).
func (g *Gate) readVerdict() (reply, error) {
	g.back.AwaitVerdict()
	return g.readLines()
}

func (g *Gate) readLines() (reply, error) {
	r := reply{text: g.text[:0]}
	for {
		line, err := g.back.ReadLine()
		if err != nil {
			return reply{}, gate.FromBackend(err)
		}
		code, last, err := syntax.ReplyLine(line)
		if err != nil || r.code != 0 && r.code != code || len(r.text)+len(line) > maxReply {
			return reply{}, gate.Because(gate.BackendGarbage, syntax.ErrReply)
		}
		r.code = code
		r.text = append(append(r.text, line...), "\r\n"...)
		if last {
			g.text = r.text
			return r, nil
		}
	}
}

const (
	helpText = "214 2.0.0 See RFC 5321 and RFC 3207\r\n"
	noAuth   = "502 5.5.1 AUTH not available here, use submission"
)

// greet says hello in our own name: the backend's tells a stranger too much.
func (g *Gate) greet() {
	g.front.Print("220 ", g.s.Hostname, " ESMTP ", g.s.Banner, "\r\n")
}

// farewells are the last words for each reason (RFC 5321 §3.8, RFC 3463);
// without one, nothing is said.
var farewells = map[gate.Reason]string{
	gate.Timeout:        "421 4.4.2 Timeout exceeded, closing connection",
	gate.Injected:       "554 5.5.0 Data in clear behind STARTTLS, closing connection",
	gate.Desynchronised: "554 5.5.0 Improper use of SMTP command pipelining",
	gate.TooManyErrors:  "421 4.7.0 Too many errors, closing connection",
	gate.LineTooLong:    "500 5.5.2 Line too long",
	gate.OtherProtocol:  "554 5.5.0 This is a mail service",
	gate.TLSUnasked:     "554 5.5.1 Say STARTTLS before TLS",
	gate.HeaderUnasked:  "554 5.5.0 No PROXY header is expected here",
	gate.EarlyTalker:    "554 5.5.1 You spoke before the greeting",
	gate.LoginRefused:   "421 4.7.0 Too many failed logins, try again later",
	gate.Busy:           "421 4.7.0 Too many connections, try again later",
	gate.Shutdown:       "421 4.3.2 Service shutting down, try again later",
	gate.Internal:       "421 4.3.0 Internal error",
}

func farewell(why gate.Reason, id string) string {
	if why.Backend() {
		return "421 4.3.2 Service not available [" + id + "]\r\n"
	}
	text := farewells[why]
	if text == "" {
		return ""
	}
	return text + " [" + id + "]\r\n"
}
