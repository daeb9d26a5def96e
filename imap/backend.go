package imap

import (
	"cmp"
	"fmt"
	"strconv"

	"github.com/letterlock/letterlock/internal/gate"
)

// nextTag makes the tags of our commands. The client's do not go further than
// us: they are its own words.
func (g *Gate) nextTag() string {
	g.tags++
	return "L" + strconv.Itoa(g.tags)
}

// request begins a command for the backend.
func (g *Gate) request(words string) *request {
	return newRequest(g.nextTag(), words, g.offer.has("LITERAL+"))
}

// hear waits for the backend's next line, when it has all that it was told.
func (g *Gate) hear(tag string) (reply, error) {
	if err := g.back.Flush(); err != nil {
		return reply{}, gate.FromBackend(err)
	}
	line, err := g.back.ReadLine()
	if err != nil {
		return reply{}, gate.FromBackend(err)
	}
	r, err := parseReply(string(line), tag)
	if err != nil {
		return r, g.garbled(string(line))
	}
	return r, nil
}

// hearGreeting takes no greeting but OK: what PREAUTH would let the client
// do, it has not earned.
func (g *Gate) hearGreeting() (reply, error) {
	r, err := g.hear("")
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

// askCapabilities asks a backend that has not said them in its greeting.
func (g *Gate) askCapabilities() error {
	tag, list := g.nextTag(), ""
	g.back.Print(tag, " CAPABILITY", crlf)
	for {
		r, err := g.hear(tag)
		if err != nil {
			return err
		}
		if said, ok := r.capabilityData(); ok {
			list = said
		}
		switch {
		case r.status == "BYE":
			return g.refused(r, "CAPABILITY")
		case r.kind == continuation, r.kind == tagged && (r.status != "OK" || list == ""):
			return g.garbled(r.text)
		case r.kind == tagged:
			g.learn(list)
			return nil
		}
	}
}

// converse sends a command and returns the backend's verdict: OK, NO or BAD,
// or a BYE. What the backend says before it is passed on to the client. Each
// "+" calls for the next piece of the command, and when there are no more, for
// a line of answer's.
func (g *Gate) converse(req *request, answer func(challenge string) (string, error)) (reply, error) {
	g.back.Print(req.next())
	g.confided = true
	for {
		if err := g.front.Flush(); err != nil {
			return reply{}, gate.FromClient(err)
		}
		r, err := g.hear(req.tag)
		switch {
		case err != nil:
			return r, err
		// Whoever accepts a login before its password is not to be believed.
		case r.kind == tagged && r.status == "OK" && !req.sent():
			return r, garbage("OK to half a command")
		case r.kind == tagged, r.status == "BYE":
			return r, nil
		case r.kind == untagged:
			err = g.relayUntagged(r)
		case !req.sent():
			g.back.Print(req.next())
		case answer == nil:
			err = garbage("+ without a question")
		default:
			err = g.relayAnswer(r.text, answer)
		}
		if err != nil {
			return r, err
		}
	}
}

// relayAnswer carries one step of a SASL exchange.
func (g *Gate) relayAnswer(challenge string, answer func(string) (string, error)) error {
	line, err := answer(challenge)
	if err != nil {
		return err
	}
	g.back.Print(line, crlf)
	return nil
}

// relayUntagged passes on what a backend says on the side. Capabilities may
// come at any time, and behind a login they are often others.
func (g *Gate) relayUntagged(r reply) error {
	list, isList := r.capabilityData()
	switch {
	case r.status == "PREAUTH":
		return garbage("PREAUTH behind the greeting")
	case r.status != "":
		g.tell("*", r)
		return nil
	case isList:
		g.front.Print("* CAPABILITY ", g.learn(list), crlf)
		return nil
	}
	return g.relayData(r.text)
}

// relayData passes on a response with the literals in it. They are counted
// here as well: a line of one could look like the reply that we wait for.
func (g *Gate) relayData(line string) error {
	g.front.Print("* ", line, crlf)
	for budget := g.s.Limits.Literal; ; {
		_, next, err := cutLiteral(line)
		if err != nil || next.size > budget {
			return g.garbled(line)
		}
		if !next.announced {
			return nil
		}
		b, err := g.back.Literal(next.size)
		if err != nil {
			return gate.FromBackend(err)
		}
		_, _ = g.front.Write(b) // a failure is Flush's too
		rest, err := g.back.ReadLine()
		if err != nil {
			return gate.FromBackend(err)
		}
		line = string(rest)
		g.front.Print(line, crlf)
		budget -= len(b) + len(line) + len(crlf)
	}
}

// relayPending relays what the backend has sent after it refused a login, as far
// as it has arrived. Some servers then say BYE and close the connection.
func (g *Gate) relayPending() error {
	for g.back.HasLine() {
		r, err := g.hear("")
		switch {
		case err != nil:
			return err
		case r.status == "BYE":
			return g.relayVerdict(command{tag: "*"}, r)
		case r.kind != untagged:
			return g.garbled(r.text)
		}
		if err := g.relayUntagged(r); err != nil {
			return err
		}
	}
	return nil
}

// refused ends a session whose backend says BYE, or a PREAUTH that nobody has
// earned, before the client is let in. A BYE of a backend that knows who the
// client is refuses the client, which is then told in the backend's words; any
// other refuses us. Codes that are about the backend stay here.
func (g *Gate) refused(r reply, to string) error {
	err := fmt.Errorf("the backend answers %s with %s %.80q", to, r.status, r.text)
	if !g.seen || r.status != "BYE" {
		return gate.Because(gate.BackendRefused, err)
	}
	text := r.text
	if name, _, words := cutCode(text); name == "REFERRAL" || name == "CAPABILITY" {
		text = words
	}
	g.refusal = cmp.Or(gate.Words(text), gate.ClientRefused.Sentence())
	return gate.Because(gate.ClientRefused, err)
}

// relayVerdict gives the client the backend's last word on a command.
func (g *Gate) relayVerdict(cmd command, r reply) error {
	if r.status == "BYE" {
		g.tell("*", r)
		g.gone = true
		return gate.Because(gate.ClientRefused, errBye)
	}
	g.tell(cmd.tag, r)
	return nil
}
