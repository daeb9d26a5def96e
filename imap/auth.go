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

	// disabled answers a client that has not heeded LOGINDISABLED.
	disabled = "[CANNOT] The backend takes no password from the proxy"
)

// login passes a LOGIN on (RFC 9051 §6.2.3).
func (g *Gate) login(cmd command) error {
	switch {
	case !g.authAllowed():
		return g.denyLogin(cmd, gate.ErrWeakTLS, tooWeak)
	case !g.s.Mechanisms.TakesPasswords(g.offers()):
		return g.denyLogin(cmd, gate.ErrMechanism, disabled)
	}
	// Only here does a literal get its "+": TLS is on and strong enough.
	if err := g.collect(&cmd); err != nil {
		return err
	}
	user, password, ok := cmd.args.credentials()
	if !ok {
		return g.bad(cmd, "Syntax: LOGIN name password")
	}
	if g.s.Mechanisms.CollectsCommand(g.offers()) {
		return g.s.LogIn(g.collected(cmd), gate.CommandLogin("LOGIN", user, password))
	}
	if err := g.admit(cmd, user); err != nil {
		return err
	}
	req := g.loginRequest(user, password)
	r, err := g.tryLogin(req, nil)
	if err != nil {
		return err
	}
	return g.verdict(cmd, r, user, "LOGIN", req.sent())
}

// credentials reads the arguments of LOGIN. A name or password with a line end
// or a NUL is none that anybody has.
func (a *arguments) credentials() (user, password string, ok bool) {
	if ok = a.skip(" "); !ok {
		return "", "", false
	}
	if user, ok = a.userString(); !ok || !a.skip(" ") {
		return "", "", false
	}
	password, ok = a.userString()
	return user, password, ok && a.ended() && !unsafe(user) && !unsafe(password)
}

// loginRequest writes in one form what a client may write in three.
func (g *Gate) loginRequest(user, password string) *request {
	req := g.request("LOGIN ")
	req.addString(user)
	req.add(" ")
	req.addString(password)
	req.end()
	return req
}

// denyLogin refuses a LOGIN that the backend does not hear of.
func (g *Gate) denyLogin(cmd command, why error, text string) error {
	user, _, _ := cmd.args.credentials()
	g.s.Watch.Denied(user, "LOGIN", why)
	return g.refuseAtOnce(cmd, text)
}

// refuseAtOnce refuses a login before a literal could bring the password.
func (g *Gate) refuseAtOnce(cmd command, text string) error {
	if err := g.swallow(&cmd); err != nil {
		return err
	}
	return g.no(cmd, text)
}

// admit asks whether a user may try to log in now, before the backend hears
// of it.
func (g *Gate) admit(cmd command, user string) error {
	err := g.s.Admit(user)
	if gate.ReasonOf(err) == gate.LoginRefused {
		g.front.Print(cmd.tag, " NO ", failed, crlf)
	}
	return err
}

// tryLogin is converse for a login.
func (g *Gate) tryLogin(req *request, answer func(challenge string) (string, error)) (reply, error) {
	g.entering = true
	return g.converse(req, answer)
}

// answerOf reads the backend's answer to a login. A BYE in place of a verdict is
// one too, or guessing would be free where the backend hangs up on a wrong
// password.
func answerOf(r reply) gate.Answer {
	if r.status == "OK" {
		return gate.Answer{Outcome: gate.Accepted}
	}
	name, _, words := cutCode(r.text)
	if name == "CAPABILITY" {
		name = ""
	}
	return gate.AnswerCoded(r.status, name, words)
}

// verdict passes on how the backend answered a login; told says that it has
// heard the secret. OK ends the gate: what the client has sent behind its login
// is the relay's.
func (g *Gate) verdict(cmd command, r reply, user, mechanism string, told bool) error {
	a := answerOf(r)
	g.entering = a.OK()
	if err := g.s.Answered(user, mechanism, told, a); err != nil {
		return err
	}
	if err := g.relayVerdict(cmd, r); err != nil {
		return err
	}
	if !a.OK() {
		if err := g.relayPending(); err != nil {
			return err
		}
		return g.wrong(endOf(a, told))
	}
	g.loggedIn = true
	if err := g.s.Enter(gate.LoggedIn); err != nil {
		return err
	}
	if err := g.front.Flush(); err != nil {
		return gate.FromClient(err)
	}
	return nil
}

// endOf is the reason to end a session that has failed once too often.
func endOf(a gate.Answer, told bool) gate.Reason {
	if told && a.Outcome == gate.WrongPassword {
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
	// Beyond the policy, the backend must have offered it: what it keeps to
	// itself may be meant for proxies.
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
		if err := x.begin(req, initial); err != nil {
			return err
		}
	}
	req.end()
	r, err := g.tryLogin(req, x.answer)
	if err != nil {
		return err
	}
	return g.verdict(cmd, r, x.User(), mechanism, x.Told() && req.sent())
}

const authSyntax = "Syntax: AUTHENTICATE mechanism [initial-response]"

// mechanism reads the arguments of AUTHENTICATE. An initial response that is
// there and empty is "=".
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

// exchange is one SASL exchange under way.
type exchange struct {
	gate.Exchange
	g         *Gate
	cmd       command
	cancelled bool
}

// begin puts the initial response where the backend wants it: on the line, or
// behind its first "+" if it knows no other way.
func (x *exchange) begin(req *request, initial string) error {
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

// answer puts the backend's challenge to the client. Whatever is not a
// response cancels the exchange, so that all three stay in step.
func (x *exchange) answer(challenge string) (string, error) {
	// The client is done with it and will send commands: there is nobody to
	// ask.
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

// cancel is the client's right (RFC 9051 §6.2.2), and our way to keep a backend
// from a line that is no response.
func (x *exchange) cancel() string {
	x.cancelled = true
	return "*"
}

// respond notes a response before the backend gets it, and asks whether the
// client may try where that has to be asked.
func (x *exchange) respond(response string) error {
	if len(response) > x.g.s.Limits.Token {
		return gate.Because(gate.LineTooLong, nil)
	}
	if !x.Response(response) {
		return nil
	}
	return x.g.admit(x.cmd, x.User())
}
