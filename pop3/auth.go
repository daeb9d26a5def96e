package pop3

import (
	"slices"
	"strings"

	"github.com/letterlock/letterlock/internal/gate"
)

// name relays USER. What it names counts from the backend's +OK on, and for
// one PASS.
func (g *Gate) name(c command) error {
	g.user = ""
	if c.arg == "" || !printable(c.arg) {
		return g.fail("-ERR Syntax: USER name")
	}
	if g.s.Mechanisms.CollectsCommand(g.offers()) {
		g.user = c.arg
		g.reply("+OK Send PASS")
		return nil
	}
	reply, err := g.ask("USER ", c.arg)
	if err != nil {
		return err
	}
	if isERR(reply) {
		return g.fail(reply)
	}
	g.user = c.arg
	g.reply(reply)
	return nil
}

// pass relays PASS. All behind the first space is the password, spaces
// included, and it may be empty (RFC 1939 §7).
func (g *Gate) pass(c command) error {
	user := g.user
	if user == "" {
		return g.fail("-ERR Send USER first")
	}
	g.user = ""
	if g.s.Mechanisms.CollectsCommand(g.offers()) {
		return g.s.LogIn(g.collected(), gate.CommandLogin("USER", user, c.arg))
	}
	return g.login(user, "USER", "PASS ", c.arg)
}

// apop relays APOP where the client has seen the backend's challenge.
func (g *Gate) apop(c command) error {
	i := strings.LastIndexByte(c.arg, ' ')
	switch {
	case g.stamp == "":
		return g.fail("-ERR APOP is not available")
	case i < 1 || !printable(c.arg[:i]) || !isDigest(c.arg[i+1:]):
		return g.fail("-ERR Syntax: APOP name digest")
	}
	return g.login(c.arg[:i], "APOP", "APOP ", c.arg)
}

// deny tells of a login that is refused because TLS is too weak for it. PASS
// names nobody: its USER was refused before.
func (g *Gate) deny(c command) {
	first, rest, _ := strings.Cut(c.arg, " ")
	switch c.name {
	case "USER":
		g.s.Observer.Denied(c.arg, "USER", gate.ErrWeakTLS)
	case "APOP":
		if !isDigest(rest) {
			first = ""
		}
		g.s.Observer.Denied(first, "APOP", gate.ErrWeakTLS)
	case "AUTH":
		g.s.Deny(strings.ToUpper(first), rest, gate.ErrWeakTLS)
	}
}

// isDigest reports whether a word is an MD5 digest in hexadecimal.
func isDigest(word string) bool {
	return len(word) == 32 && strings.Trim(strings.ToLower(word), "0123456789abcdef") == ""
}

// login relays a login that is a single line.
func (g *Gate) login(user, mechanism string, line ...string) error {
	if err := g.admit(user); err != nil {
		return err
	}
	reply, err := g.ask(line...)
	if err != nil {
		return err
	}
	return g.verdict(user, mechanism, true, reply)
}

// admit asks whether this login may be tried at all. If not, it is answered as
// a wrong password is.
func (g *Gate) admit(user string) error {
	err := g.s.Admit(user)
	if gate.ReasonOf(err) == gate.LoginRefused {
		g.reply(failed)
	}
	return err
}

// answerOf reads the backend's answer to a login.
func answerOf(reply string) gate.Answer {
	if isOK(reply) {
		return gate.Answer{Outcome: gate.Accepted}
	}
	code, text := "", strings.TrimLeft(strings.TrimPrefix(reply, "-ERR"), " ")
	if strings.HasPrefix(text, "[") { // RFC 2449 §8
		code, text, _ = strings.Cut(text[1:], "]")
	}
	return gate.AnswerCoded("-ERR", code, text)
}

// verdict passes on how the backend answered a login; told says that it has
// heard the secret.
func (g *Gate) verdict(user, mechanism string, told bool, reply string) error {
	if err := g.s.Answered(user, mechanism, told, answerOf(reply)); err != nil {
		return err
	}
	if isERR(reply) {
		return g.refusedLogin(reply)
	}
	g.reply(reply)
	g.turn = nobodys
	return nil
}

// refusedLogin passes on that the backend has refused a login. A backend that has
// sent more than that is about to close the connection, with a goodbye for which
// the client has no question.
func (g *Gate) refusedLogin(reply string) error {
	if err := g.fail(reply); err != nil {
		return err
	}
	if g.back.Buffered() > 0 {
		return gate.HungUpAfterLogin()
	}
	return nil
}

// auth relays a SASL exchange (RFC 5034 §4), or lists the mechanisms as
// clients from before that RFC expect it.
func (g *Gate) auth(c command) error {
	mechanisms := g.mechanisms()
	mechanism, initial, _ := strings.Cut(strings.TrimRight(c.arg, " "), " ")
	mechanism = strings.ToUpper(mechanism)
	switch {
	case mechanism == "" && len(mechanisms) > 0:
		return g.list("+OK Mechanisms follow", mechanisms)
	case !slices.ContainsFunc(mechanisms, func(m string) bool { return strings.EqualFold(m, mechanism) }):
		g.s.Deny(mechanism, initial, gate.ErrMechanism)
		return g.fail("-ERR Unsupported authentication mechanism")
	case len(initial) > g.s.Limits.Token:
		return gate.Because(gate.LineTooLong, nil)
	}
	if g.s.Mechanisms.Collects(mechanism, g.offers()) {
		return g.s.Collect(g.collected(), mechanism, gate.Initial(initial))
	}
	x := &exchange{Exchange: gate.Exchange{Mechanism: mechanism}, g: g}
	if initial != "" && !x.Sound(initial) {
		return g.fail("-ERR Cannot decode the initial response")
	}
	reply, err := x.begin(initial)
	for challenge, asks := challengeIn(reply, x.MayPrompt()); err == nil && asks; {
		reply, err = x.respond(challenge)
		challenge, asks = challengeIn(reply, x.MayPrompt())
	}
	if err != nil {
		return err
	}
	return g.verdict(x.User(), mechanism, x.SecretSent(), reply)
}

// challengeIn reads a challenge of the backend. Exchange before 2007 prompts
// with "+OK" where it wants the client to go on, so where a prompt that says
// nothing can be due, +OK is one: the client has not told its secret yet. It
// gets the prompt of the standard.
func challengeIn(reply string, due bool) (challenge string, ok bool) {
	switch {
	case isChallenge(reply):
		return strings.TrimPrefix(reply[1:], " "), true
	case isOK(reply):
		return "", due
	}
	return "", false
}

// exchange is one SASL exchange between the client and the backend.
type exchange struct {
	gate.Exchange
	g *Gate
}

// begin sends AUTH. The initial response "=" is an empty one.
func (x *exchange) begin(initial string) (reply string, err error) {
	if initial == "" {
		return x.g.exchange("AUTH ", x.Mechanism)
	}
	if err := x.admit(initial); err != nil {
		return "", err
	}
	return x.g.exchange("AUTH ", x.Mechanism, " ", initial)
}

// respond passes a challenge on and the client's response back. One that
// cannot be passed on cancels the exchange on both sides, in step.
func (x *exchange) respond(challenge string) (reply string, err error) {
	if err := x.Challenged(); err != nil {
		return "", err
	}
	response, ok, err := x.g.askClient(&x.Exchange, challenge)
	switch {
	case err != nil:
		return "", err
	case !ok:
		return x.g.cancel()
	}
	if err := x.admit(response); err != nil {
		return "", err
	}
	return x.g.exchange(response)
}

// cancel ends the exchange with the backend (RFC 5034 §4), which can only
// agree.
func (g *Gate) cancel() (reply string, err error) {
	reply, err = g.exchange("*")
	if err == nil && !isERR(reply) {
		err = gate.Because(gate.BackendGarbage, errReply)
	}
	return reply, err
}

// admit notes a response before the backend gets it, and asks whether the client
// may try where that has to be asked.
func (x *exchange) admit(response string) error {
	if !x.Response(response) {
		return nil
	}
	return x.g.admit(x.User())
}
