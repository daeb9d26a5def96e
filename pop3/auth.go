package pop3

import (
	"slices"
	"strings"

	"github.com/letterlock/letterlock/internal/gate"
)

// name handles USER. The name is valid after the backend's +OK, for one PASS.
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

// pass handles PASS. The password is everything after the first space,
// including spaces, and it may be empty (RFC 1939 §7).
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

// apop relays APOP if the client has been sent the backend's timestamp.
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

// reportDenied reports a login that is refused because TLS is too weak for it.
// PASS is not reported: its USER was.
func (g *Gate) reportDenied(c command) {
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

// login forwards a login of one line.
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

// admit asks the session whether a user may try to log in. If not, the login is
// refused like one with a wrong password.
func (g *Gate) admit(user string) error {
	err := g.s.Admit(user)
	if gate.ReasonOf(err) == gate.LoginRefused {
		g.reply(authFailed)
	}
	return err
}

// answerOf reads the backend's answer to a login.
func answerOf(user, reply string) gate.Answer {
	if isOK(reply) {
		return gate.Answer{Outcome: gate.Accepted}
	}
	code, text := cutCode(reply)
	return gate.AnswerCoded(user, "-ERR", code, text)
}

// cutCode splits the response code from the text of an -ERR (RFC 2449 §8).
func cutCode(reply string) (code, text string) {
	text = strings.TrimLeft(strings.TrimPrefix(reply, "-ERR"), " ")
	if strings.HasPrefix(text, "[") {
		code, text, _ = strings.Cut(text[1:], "]")
	}
	return code, text
}

// verdict forwards the backend's reply to a login. secretSent reports whether
// the backend has received the secret.
func (g *Gate) verdict(user, mechanism string, secretSent bool, reply string) error {
	if err := g.s.Answered(user, mechanism, secretSent, answerOf(user, reply)); err != nil {
		return err
	}
	if isERR(reply) {
		return g.refusedLogin(reply)
	}
	g.reply(reply)
	g.turn = relayed
	return nil
}

// refusedLogin forwards the backend's refusal of a login. If the backend has
// sent more than that, it is about to close the connection, and its goodbye is
// not a reply to a command.
func (g *Gate) refusedLogin(reply string) error {
	if err := g.fail(reply); err != nil {
		return err
	}
	if g.back.Buffered() > 0 {
		return gate.HungUpAfterLogin()
	}
	return nil
}

// auth relays a SASL exchange (RFC 5034 §4). Without an argument it lists the
// mechanisms, as clients older than that RFC expect.
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
	reply, err := x.sendInitial(initial)
	for challenge, asks := challengeIn(reply, x.MayPrompt()); err == nil && asks; {
		reply, err = x.respond(challenge)
		challenge, asks = challengeIn(reply, x.MayPrompt())
	}
	if err != nil {
		return err
	}
	return g.verdict(x.User(), mechanism, x.SecretSent(), reply)
}

// challengeIn reads a challenge of the backend. Exchange before 2007 sends
// "+OK" instead of "+" as an empty challenge. If an empty challenge is due, the
// client has not sent its secret yet, so +OK cannot be an acceptance, and the
// client gets the "+ " of the standard.
func challengeIn(reply string, due bool) (challenge string, ok bool) {
	switch {
	case isChallenge(reply):
		return strings.TrimPrefix(reply[1:], " "), true
	case isOK(reply):
		return "", due
	}
	return "", false
}

// exchange is a SASL exchange between the client and the backend.
type exchange struct {
	gate.Exchange
	g *Gate
}

// sendInitial sends AUTH. The initial response "=" is an empty one.
func (x *exchange) sendInitial(initial string) (reply string, err error) {
	if initial == "" {
		return x.g.exchange("AUTH ", x.Mechanism)
	}
	if err := x.admit(initial); err != nil {
		return "", err
	}
	return x.g.exchange("AUTH ", x.Mechanism, " ", initial)
}

// respond passes a challenge to the client and its response back. An invalid
// response cancels the exchange on both sides.
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

// cancel ends the exchange with the backend (RFC 5034 §4), which must answer
// -ERR.
func (g *Gate) cancel() (reply string, err error) {
	reply, err = g.exchange("*")
	if err == nil && !isERR(reply) {
		err = gate.Because(gate.BackendGarbage, errReply)
	}
	return reply, err
}

// admit takes a response. When the response names the user, it asks the session
// whether that user may try to log in.
func (x *exchange) admit(response string) error {
	if !x.Response(response) {
		return nil
	}
	return x.g.admit(x.User())
}
