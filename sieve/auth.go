package sieve

import (
	"slices"
	"strconv"
	"strings"

	"github.com/letterlock/letterlock/internal/gate"
)

// authenticate relays a SASL exchange (RFC 5804 §2.1).
func (g *Gate) authenticate(c command) error {
	if !g.s.AuthAllowed(g.front.TLS()) {
		g.reportDenied(c, gate.ErrWeakTLS)
		return g.fail(`NO (ENCRYPT-NEEDED) "Stronger encryption required"`)
	}
	if n := len(c.args); n < 1 || n > 2 || !c.args[0].isString() || !c.args[n-1].isString() {
		return g.fail(`NO "Syntax: AUTHENTICATE mechanism [initial response], both as strings"`)
	}
	mechanism, initial := strings.ToUpper(c.args[0].text), c.args[1:]
	switch {
	case !slices.ContainsFunc(g.mechanisms(), func(m string) bool { return strings.EqualFold(m, mechanism) }):
		g.reportDenied(c, gate.ErrMechanism)
		return g.fail(`NO "Unsupported authentication mechanism"`)
	case len(initial) > 0 && len(initial[0].text) > g.s.Limits.Token:
		return gate.Because(gate.LineTooLong, nil)
	}
	if g.s.Mechanisms.Collects(mechanism, g.offers()) {
		return g.s.Collect(collected{g}, mechanism, texts(initial))
	}
	x := &exchange{Exchange: gate.Exchange{Mechanism: mechanism}, g: g}
	if len(initial) > 0 && !x.Sound(initial[0].text) {
		return g.fail(`NO "Cannot decode the initial response"`)
	}
	reply, err := x.start(initial)
	for err == nil && isChallenge(reply) {
		reply, err = x.respond(reply[0])
	}
	if err != nil {
		return err
	}
	return g.finishLogin(x.User(), mechanism, x.SecretSent(), reply)
}

func texts(words []token) (all []string) {
	for _, word := range words {
		all = append(all, word.text)
	}
	return all
}

// reportDenied reports an AUTHENTICATE that is refused because of its mechanism
// or the TLS session.
func (g *Gate) reportDenied(c command, why error) {
	var words [2]string
	for i, arg := range c.args[:min(len(c.args), len(words))] {
		words[i] = arg.text
	}
	g.s.Deny(strings.ToUpper(words[0]), words[1], why)
}

// exchange is a SASL exchange between the client and the backend.
type exchange struct {
	gate.Exchange
	g *Gate
}

// start sends AUTHENTICATE. An initial response may be empty.
func (x *exchange) start(initial []token) (reply []token, err error) {
	line := "AUTHENTICATE " + quote(x.Mechanism)
	if len(initial) > 0 {
		if err := x.admit(initial[0].text); err != nil {
			return nil, err
		}
		line += " " + request(initial[0].text)
	}
	return x.g.ask(line)
}

// respond forwards a challenge to the client and its response back. An invalid
// response cancels the exchange on both sides, as "*" does.
func (x *exchange) respond(challenge token) (reply []token, err error) {
	if err := x.Challenged(); err != nil {
		return nil, err
	}
	response, ok, err := x.g.askClient(&x.Exchange, challenge)
	switch {
	case err != nil:
		return nil, err
	case !ok:
		return x.g.cancel()
	}
	if err := x.admit(response); err != nil {
		return nil, err
	}
	return x.g.ask(request(response))
}

// cancel ends the exchange with the backend, which must reply NO.
func (g *Gate) cancel() (reply []token, err error) {
	reply, err = g.ask(`"*"`)
	if err != nil {
		return nil, err
	}
	if r, ok := parseResponse(reply); !ok || r.status == "OK" {
		return nil, gate.Because(gate.BackendGarbage, errReply)
	}
	return reply, nil
}

// admit takes a response. When the response names the user, it asks the session
// whether that user may try to log in.
func (x *exchange) admit(response string) error {
	if !x.Response(response) {
		return nil
	}
	return x.g.admit(x.User())
}

// admit asks the session whether a user may try to log in. If not, the login is
// refused like one with a wrong password.
func (g *Gate) admit(user string) error {
	err := g.s.Admit(user)
	if gate.ReasonOf(err) == gate.LoginRefused {
		g.reply(failed)
	}
	return err
}

// answerOf reads the backend's reply to a login.
func answerOf(user string, r response) gate.Answer {
	if r.status == "OK" {
		return gate.Answer{Outcome: gate.Accepted}
	}
	text := ""
	if len(r.text) > 0 {
		text = r.text[0].text
	}
	return gate.AnswerCoded(user, r.status, r.name(), text)
}

// name returns the name of the response code, if there is one.
func (r response) name() string {
	switch {
	case r.referral:
		return referral
	case len(r.code) > 0:
		return r.code[0].text
	}
	return ""
}

// finishLogin forwards the backend's reply to the login. secretSent reports
// whether the backend has received the secret.
func (g *Gate) finishLogin(user, mechanism string, secretSent bool, reply []token) error {
	r, ok := parseResponse(reply)
	if !ok {
		return gate.Because(gate.BackendGarbage, errReply)
	}
	if err := g.s.Answered(user, mechanism, secretSent, answerOf(user, r)); err != nil {
		return err
	}
	if g.loggedIn = r.status == "OK"; g.loggedIn {
		g.relayed = newInspector(g.offered, mechanism)
	}
	if err := g.pass(r); err != nil || g.loggedIn {
		return err
	}
	return g.relayPending()
}

// relayPending forwards the BYE of a backend that closes the connection after
// it has refused a login, if the BYE has arrived.
func (g *Gate) relayPending() error {
	if g.back.Buffered() == 0 {
		return nil
	}
	words, err := g.readWords()
	if err != nil {
		return err
	}
	r, ok := parseResponse(words)
	if !ok || r.status != "BYE" {
		return gate.Because(gate.BackendGarbage, errUnasked)
	}
	return g.pass(r)
}

func isChallenge(words []token) bool { return len(words) == 1 && words[0].isString() }

// maxQuoted is the longest quoted string that a server must accept, in bytes
// (RFC 5804 §4).
const maxQuoted = 1024

// request returns a base64 string in the form that a client sends.
func request(text string) string {
	if len(text) <= maxQuoted {
		return quote(text)
	}
	return "{" + strconv.Itoa(len(text)) + "+}\r\n" + text
}
