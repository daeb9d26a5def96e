package imap

import (
	"cmp"
	"fmt"
	"strconv"

	"github.com/letterlock/letterlock/internal/gate"
)

// nextTag returns a tag for a command to the backend. The client's tags are not
// forwarded.
func (g *Gate) nextTag() string {
	g.tags++
	return "L" + strconv.Itoa(g.tags)
}

// request begins a command for the backend.
func (g *Gate) request(words string) *request {
	return newRequest(g.nextTag(), words, g.offer.has("LITERAL+"))
}

// readReplyLine flushes the commands to the backend and reads its next line.
func (g *Gate) readReplyLine(tag string) (reply, error) {
	if err := g.back.Flush(); err != nil {
		return reply{}, gate.FromBackend(err)
	}
	line, err := g.back.ReadLine()
	if err != nil {
		return reply{}, gate.FromBackend(err)
	}
	r, err := parseReply(string(line), tag)
	if err != nil {
		return r, g.garbageUnquoted(string(line))
	}
	return r, nil
}

// readGreeting reads the greeting and accepts OK only. PREAUTH would give the
// client access without a login.
func (g *Gate) readGreeting() (reply, error) {
	r, err := g.readReplyLine("")
	switch {
	case err != nil:
		return r, err
	case r.status == "PREAUTH" || r.status == "BYE":
		return r, g.refused(r, "the connection")
	case r.kind != untagged || r.status != "OK":
		return r, garbage(r.text)
	}
	return r, nil
}

// askCapabilities sends CAPABILITY to a backend whose greeting has not listed
// its capabilities.
func (g *Gate) askCapabilities() error {
	tag, list := g.nextTag(), ""
	g.back.Print(tag, " CAPABILITY", crlf)
	for {
		r, err := g.readReplyLine(tag)
		if err != nil {
			return err
		}
		if said, ok := r.capabilityData(); ok {
			list = said
		}
		switch {
		case r.status == "BYE", r.kind == tagged && r.status == "NO" && !g.secretSent: // it is overloaded, most likely
			return g.refused(r, "CAPABILITY")
		case r.kind == continuation, r.kind == tagged && (r.status != "OK" || list == ""):
			return g.garbageUnquoted(r.text)
		case r.kind == tagged:
			g.setCapabilities(list)
			return nil
		}
	}
}

// converse sends a command and returns the backend's final reply: OK, NO or
// BAD, or a BYE. Untagged responses before it are forwarded to the client. Each
// "+" asks for the next piece of the command and, when all pieces are sent, for
// a line that answer returns.
func (g *Gate) converse(req *request, answer func(challenge string) (string, error)) (reply, error) {
	g.back.Print(req.next())
	g.secretSent = true
	for {
		if err := g.front.Flush(); err != nil {
			return reply{}, gate.FromClient(err)
		}
		r, err := g.readReplyLine(req.tag)
		switch {
		case err != nil:
			return r, err
		// The backend must not accept a login before it has the password.
		case r.kind == tagged && r.status == "OK" && !req.sent():
			return r, garbage("OK to half a command")
		case r.kind == tagged, r.status == "BYE":
			return r, nil
		case r.kind == untagged:
			err = g.relayUntagged(r)
		case !req.sent():
			g.back.Print(req.next())
		case answer == nil:
			err = garbage("+ without a literal or an exchange")
		default:
			err = g.relayAnswer(r.text, answer)
		}
		if err != nil {
			return r, err
		}
	}
}

// relayAnswer relays one step of a SASL exchange.
func (g *Gate) relayAnswer(challenge string, answer func(string) (string, error)) error {
	line, err := answer(challenge)
	if err != nil {
		return err
	}
	g.back.Print(line, crlf)
	return nil
}

// relayUntagged forwards an untagged response to the client. Capabilities may
// arrive at any time, and often change with a login.
func (g *Gate) relayUntagged(r reply) error {
	list, isList := r.capabilityData()
	switch {
	case r.status == "PREAUTH":
		return garbage("PREAUTH after the greeting")
	case r.status != "":
		if r.status == "NO" || r.status == "BAD" {
			g.warning = r
		}
		g.passStatus("*", r)
		return nil
	case isList:
		g.front.Print("* CAPABILITY ", g.setCapabilities(list), crlf)
		return nil
	}
	return g.relayData(r.text)
}

// relayData forwards a response with its literals. It counts their bytes,
// because a line within a literal could look like the reply to the command.
func (g *Gate) relayData(line string) error {
	g.front.Print("* ", line, crlf)
	for budget := g.s.Limits.Literal; ; {
		_, next, err := cutLiteral(line)
		if err != nil || next.size > budget {
			return g.garbageUnquoted(line)
		}
		if !next.announced {
			return nil
		}
		b, err := g.back.Literal(next.size)
		if err != nil {
			return gate.FromBackend(err)
		}
		_, _ = g.front.Write(b) // Flush returns the error too
		rest, err := g.back.ReadLine()
		if err != nil {
			return gate.FromBackend(err)
		}
		line = string(rest)
		g.front.Print(line, crlf)
		budget -= len(b) + len(line) + len(crlf)
	}
}

// relayPending forwards what the backend has sent after it refused a login, as
// far as it has arrived. Some servers send BYE and close the connection.
func (g *Gate) relayPending() error {
	for g.back.HasLine() {
		r, err := g.readReplyLine("")
		switch {
		case err != nil:
			return err
		case r.status == "BYE":
			return g.relayVerdict(command{tag: "*"}, r)
		case r.kind != untagged:
			return g.garbageUnquoted(r.text)
		}
		if err := g.relayUntagged(r); err != nil {
			return err
		}
	}
	return nil
}

// refused ends a session whose backend sends BYE, PREAUTH, or NO to CAPABILITY,
// before the login. A backend that knows the client's address refuses the client,
// which receives the backend's text. Any other backend refuses the proxy.
// Response codes about the backend are removed.
func (g *Gate) refused(r reply, to string) error {
	err := fmt.Errorf("the backend replies to %s with %s %.80q", to, r.status, r.text)
	if !g.clientKnown || r.status == "PREAUTH" {
		return gate.Because(gate.BackendRefused, err)
	}
	text := r.text
	if name, _, words := cutCode(text); name == "REFERRAL" || name == "CAPABILITY" {
		text = words
	}
	g.refusal = cmp.Or(gate.Words(text), gate.ClientRefused.Sentence())
	return gate.Because(gate.ClientRefused, err)
}

// relayVerdict forwards the backend's final reply to a command.
func (g *Gate) relayVerdict(cmd command, r reply) error {
	if r.status == "BYE" {
		g.passStatus("*", r)
		g.byeSent = true
		return gate.Because(gate.ClientRefused, errBye)
	}
	g.passStatus(cmd.tag, r)
	return nil
}
