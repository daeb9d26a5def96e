package imap

import (
	"encoding/base64"
	"slices"
	"strings"

	"github.com/letterlock/letterlock/internal/gate"
)

const (
	tooWeak = "[PRIVACYREQUIRED] Stronger encryption required"
	failed  = "[AUTHENTICATIONFAILED] Authentication failed"

	// disabled refuses LOGIN where LOGINDISABLED is shown.
	disabled = "[CANNOT] The backend takes no password from the proxy"
)

// refuseAtOnce refuses a login before a literal could carry the password.
func (g *Gate) refuseAtOnce(cmd command, text string) error {
	if err := g.swallow(&cmd); err != nil {
		return err
	}
	return g.no(cmd, text)
}

// admit asks the session whether a user may try to log in, before the backend
// gets the login.
func (g *Gate) admit(cmd command, user string) error {
	err := g.s.Admit(user)
	if gate.ReasonOf(err) == gate.LoginRefused {
		g.front.Print(cmd.tag, " NO ", failed, crlf)
	}
	return err
}

// tryLogin runs a login at the backend; see converse.
func (g *Gate) tryLogin(req *request, answer func(challenge string) (string, error)) (reply, error) {
	g.loggingIn, g.warning = true, reply{}
	return g.converse(req, answer)
}

// answerOf reads the backend's answer to a login. A BYE counts as an answer:
// otherwise guessing would cost nothing where the backend hangs up after a
// wrong password. Some servers give the reason in an untagged NO, and no reason in
// the tagged one.
func (g *Gate) answerOf(user string, r reply) gate.Answer {
	if r.status == "OK" {
		return gate.Answer{Outcome: gate.Accepted}
	}
	a, coded := refusalIn(user, r)
	if a.Outcome == gate.WrongPassword && !coded && g.warning.status != "" {
		if reason, _ := refusalIn(user, g.warning); reason.Outcome == gate.Unavailable {
			return reason
		}
	}
	return a
}

// refusalIn reads the refusal of a login. It is coded if it has a response code
// that explains it.
func refusalIn(user string, r reply) (a gate.Answer, coded bool) {
	name, _, words := cutCode(r.text)
	if name == "CAPABILITY" {
		name = ""
	}
	return gate.AnswerCoded(user, r.status, name, words), name != ""
}

// verdict forwards the backend's reply to a login. secretSent reports whether
// the backend has received the secret. OK ends the gate: bytes that the client
// has sent after its login go to the relay.
func (g *Gate) verdict(cmd command, r reply, user, mechanism string, secretSent bool) error {
	a := g.answerOf(user, r)
	g.loggingIn = a.OK()
	if err := g.s.Answered(user, mechanism, secretSent, a); err != nil {
		return err
	}
	if err := g.relayVerdict(cmd, r); err != nil {
		return err
	}
	if !a.OK() {
		if err := g.relayPending(); err != nil {
			return err
		}
		return g.countError(endOf(a, secretSent))
	}
	g.loggedIn = true
	if err := g.s.EnterStep(gate.LoggedIn); err != nil {
		return err
	}
	g.notify()
	if err := g.front.Flush(); err != nil {
		return gate.FromClient(err)
	}
	return nil
}

// notify sends the user the notice of the session, if there is one. Mail programs must
// show the text of an ALERT (RFC 9051 §7.1).
func (g *Gate) notify() {
	notifier, ok := g.s.Observer.(gate.Notifier)
	if !ok {
		return
	}
	if text := notifier.Notice(); text != "" {
		g.front.Print("* OK [ALERT] ", text, crlf)
	}
}

// endOf returns the reason for ending a session after too many failures.
func endOf(a gate.Answer, secretSent bool) gate.Reason {
	if secretSent && a.Outcome == gate.WrongPassword {
		return gate.LoginRefused
	}
	return gate.TooManyErrors
}

// authenticate relays a SASL exchange (RFC 9051 §6.2.2, RFC 4959).
func (g *Gate) authenticate(cmd command) error {
	mechanism, initial, ok := cmd.args.mechanism()
	if !g.authAllowed() {
		g.s.Deny(mechanism, initial, gate.ErrWeakTLS)
		return g.refuseAtOnce(cmd, tooWeak)
	}
	if cmd.next.announced {
		return g.bad(cmd, authSyntax)
	}
	if !ok {
		return g.bad(cmd, authSyntax)
	}
	// The backend must have offered the mechanism: a mechanism that it accepts
	// without offering it may be meant for proxies.
	if !slices.Contains(g.s.Mechanisms.Filter(g.offers()), mechanism) {
		g.s.Deny(mechanism, initial, gate.ErrMechanism)
		return g.no(cmd, "Unsupported authentication mechanism")
	}
	if len(initial) > g.s.Limits.Token {
		return gate.Because(gate.LineTooLong, nil)
	}
	if g.s.Mechanisms.Collects(mechanism, g.offers()) {
		return g.s.Collect(g.collected(cmd), mechanism, gate.Initial(initial))
	}
	x := &exchange{Exchange: gate.Exchange{Mechanism: mechanism}, g: g, cmd: cmd}
	req := g.request("AUTHENTICATE " + mechanism)
	if initial != "" {
		if !x.Sound(initial) {
			return g.bad(cmd, "Cannot decode the initial response")
		}
		if err := x.sendInitial(req, initial); err != nil {
			return err
		}
	}
	req.finish()
	r, err := g.tryLogin(req, x.answer)
	if err != nil {
		return err
	}
	return g.verdict(cmd, r, x.User(), mechanism, x.SecretSent() && req.sent())
}

const authSyntax = "Syntax: AUTHENTICATE mechanism [initial-response]"

// mechanism reads the arguments of AUTHENTICATE. An empty initial response is
// "=".
func (a *arguments) mechanism() (name, initial string, ok bool) {
	if !a.skip(" ") {
		return "", "", false
	}
	name, ok = a.word(isAstringChar)
	if !ok || !isAtom(name) {
		return "", "", false
	}
	if a.skip(" ") && !a.ended() {
		initial, _ = a.word(func(c byte) bool { return c != ' ' && isPlain(c) })
		ok = initial == "=" || initial != "" && isBase64(initial)
	}
	return strings.ToUpper(name), initial, ok && a.ended()
}

// isBase64 follows RFC 9051 §9: whole groups of four, and no blanks. An empty
// line is an empty response.
func isBase64(s string) bool {
	_, err := base64.StdEncoding.DecodeString(s)
	return err == nil
}

// exchange is a SASL exchange between the client and the backend.
type exchange struct {
	gate.Exchange
	g         *Gate
	cmd       command
	cancelled bool
}

// sendInitial adds the initial response to the command: on its line, or after
// the first "+" of a backend without SASL-IR.
func (x *exchange) sendInitial(req *request, initial string) error {
	response := initial
	if response == "=" {
		response = ""
	}
	if err := x.respond(response); err != nil {
		return err
	}
	if x.g.offer.has("SASL-IR") {
		req.add(" " + initial)
		return nil
	}
	req.wait()
	req.add(response)
	return nil
}

// answer passes the backend's challenge to the client and returns the response.
// A line that is not a response cancels the exchange at the backend too.
func (x *exchange) answer(challenge string) (string, error) {
	// The client's exchange is over, and its next line is a command.
	if x.cancelled {
		return "", garbage("+ to a cancelled exchange")
	}
	if err := x.Challenged(); err != nil {
		return "", err
	}
	response, ok, err := x.g.askClient(&x.Exchange, challenge)
	if err != nil {
		return "", err
	}
	if !ok {
		return x.cancel(), nil
	}
	return response, x.respond(response)
}

// cancel returns the line that ends the exchange (RFC 9051 §6.2.2).
func (x *exchange) cancel() string {
	x.cancelled = true
	return "*"
}

// respond takes a response. When the response names the user, it asks the
// session whether that user may try to log in.
func (x *exchange) respond(response string) error {
	if len(response) > x.g.s.Limits.Token {
		return gate.Because(gate.LineTooLong, nil)
	}
	if !x.Response(response) {
		return nil
	}
	return x.g.admit(x.cmd, x.User())
}
