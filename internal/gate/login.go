package gate

import (
	"crypto/hmac"
	"crypto/md5" //nolint:gosec // CRAM-MD5 (RFC 2195), for backends without a better mechanism
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"strings"

	"github.com/emersion/go-sasl"
)

var (
	// ErrNowhere says that a user has no backend.
	ErrNowhere = errors.New("the user has no backend")

	// ErrCredentials says that the login method of the backend cannot transmit
	// the credentials.
	ErrCredentials = errors.New("the backend's login method cannot transmit these credentials")

	// ErrAnyPassword ends a session whose backend accepts a random password.
	ErrAnyPassword = errors.New("the backend accepts a random password")
)

// Login buffers the client's SASL exchange, or its login command, before a backend
// is dialled: the user name selects the backend, or the credentials must be replayed
// with another mechanism. It holds the client's secret. Drop it once the backend has
// answered.
type Login struct {
	Exchange           // the client's exchange; Mechanism is the command's name if command is set
	command   bool     // the client used the protocol's own command, not SASL
	name      string   // user name for the protocol's own command
	password  string   // for the protocol's own command, and for CRAM-MD5
	responses []string // from the client, in base64
	hello     string   // the name in the client's EHLO or HELO; empty in other protocols
	invalid   bool     // the secret was replaced by a random one: the login must fail

	prepared  []string // responses for the backend, in base64
	cram      bool     // the next challenge is answered with CRAM-MD5
	converted bool     // the backend's mechanism or command is not the client's
}

// NewLogin begins a SASL login.
func NewLogin(mechanism string) *Login { return &Login{Exchange: Exchange{Mechanism: mechanism}} }

// CommandLogin returns a login that the client made with a command of the protocol.
func CommandLogin(command, user, password string) *Login {
	l := &Login{Exchange: Exchange{Mechanism: command}, command: true, name: user, password: password}
	l.user = user[:min(len(user), maxUser)]
	return l
}

// Prompt returns the next challenge for the client, in base64. If more is false, the
// client has sent all that it can send before the backend's first challenge.
func (l *Login) Prompt() (challenge string, more bool) {
	switch n := len(l.responses); {
	case l.command:
	case l.Mechanism == "LOGIN" && n < len(loginPrompts):
		return loginPrompts[n], true
	case n == 0:
		return "", true
	}
	return "", false
}

// loginPrompts are the challenges of LOGIN, which has no standard. Clients
// should ignore their text (draft-murchison-sasl-login). Clients that do not
// ignore it expect the text of the most common servers.
var loginPrompts = []string{
	inBase64("Username:"),
	inBase64("Password:"),
}

// AddResponse adds a response of the client that Sound has accepted, in base64; "="
// is an empty one.
func (l *Login) AddResponse(response string) {
	if response == "=" {
		response = ""
	}
	l.Response(response)
	l.responses = append(l.responses, response)
}

// Mailbox returns the user whose mailbox the client opens: the authorization
// identity of PLAIN or SCRAM (RFC 4616, RFC 5802 §7), or else the user who logs
// in.
func (l *Login) Mailbox() string {
	identity, _, _, ok := l.plain()
	if !ok && strings.HasPrefix(l.Mechanism, "SCRAM-") && len(l.responses) > 0 {
		first, _ := base64.StdEncoding.DecodeString(l.responses[0])
		identity, _, _ = cutGS2(string(first))
	}
	if identity != "" {
		return identity
	}
	return l.User()
}

// Reach connects the session to the backend of the login's user. It fails with a
// Refusal, or with ErrCredentials if the client's mechanism cannot transmit the
// credentials that replace the client's; the Observer then receives a rejected login.
//
// If the user has no backend, the login continues with a random secret. The default
// backend then refuses it with the same text and after the same time as a wrong
// password, so that clients cannot find out which users exist.
func (s *Session) Reach(l *Login) error {
	if s.Backends.Route == nil {
		return nil
	}
	instead, err := s.Backends.Route(l.claim())
	if errors.Is(err, ErrNowhere) {
		s.Observer.Denied(l.User(), l.Mechanism, ErrNowhere)
		l.invalidate()
		return nil
	}
	if err != nil {
		return err
	}
	if err := l.replace(instead); err != nil {
		s.inexpressible(l)
		return err
	}
	return nil
}

// inexpressible reports a login whose credentials no login method of the backend can
// transmit.
func (s *Session) inexpressible(l *Login) {
	s.Observer.Login(l.User(), l.Mechanism, Answer{Rejected, "credentials"})
}

// Choose returns the SASL mechanism that logs in at a backend with these
// offers; an empty mechanism is the protocol's own command. If neither can
// transmit the credentials, the Observer receives a rejected login and the
// error is ErrCredentials.
func (s *Session) Choose(l *Login, o Offers) (mechanism string, err error) {
	method, err := s.Mechanisms.loginMethodFor(l, o)
	if err != nil {
		return "", err
	}
	mechanism, err = l.prepare(method)
	switch {
	case errors.Is(err, ErrCredentials):
		s.inexpressible(l)
	case err == nil && l.converted && mechanism != "" && !o.Unknown && !o.lists(mechanism):
		return "", Unoffered(mechanism)
	}
	return mechanism, err
}

// prepare sets the responses, or the user name and password, that the backend
// receives with this login method.
func (l *Login) prepare(method LoginMethod) (mechanism string, err error) {
	identity, user, password, ok := l.credentials()
	switch {
	case method == Same && l.command:
		return "", nil
	case method == Same, !l.command && !mechanisms[l.Mechanism].password:
		l.prepared = l.responses
		return l.Mechanism, nil
	case !ok, strings.ContainsAny(user+password, "\r\n\x00"):
		return "", ErrCredentials
	case method != ByPlain && identity != "" && identity != user:
		return "", ErrCredentials // only PLAIN has an authorization identity
	}
	l.converted = true
	l.name, l.password = user, password
	switch method {
	case ByCommand:
		return "", nil
	case ByPlain:
		_, token, err := sasl.NewPlainClient(identity, user, password).Start()
		l.prepared = []string{inBase64(string(token))}
		return "PLAIN", err
	case ByLogin:
		l.prepared = []string{inBase64(user), inBase64(password)} // for any challenges: LOGIN has no standard
	case ByCRAM:
		l.cram = true
	}
	return string(method), nil
}

// Command returns the user name and the password for the protocol's own command.
func (l *Login) Command() (user, password string) { return l.name, l.password }

// Answer returns the prepared response to a challenge of the backend, both in base64.
// If isOurs is false, the client answers the challenge itself.
func (l *Login) Answer(challenge string) (response string, isOurs bool) {
	switch {
	case len(l.prepared) > 0:
		response, l.prepared = l.prepared[0], l.prepared[1:]
		return response, true
	case l.cram:
		l.cram = false
		return l.digest(challenge), true
	case l.converted:
		return "*", true // the client's exchange is over
	}
	return "", false
}

// digest returns the response of CRAM-MD5 to a challenge (RFC 2195 §2), or "*", which
// cancels, if the challenge is not base64.
func (l *Login) digest(challenge string) string {
	text, err := base64.StdEncoding.DecodeString(strings.TrimSpace(challenge))
	if err != nil {
		return "*"
	}
	mac := hmac.New(md5.New, []byte(l.password))
	_, _ = mac.Write(text)
	return inBase64(l.name + " " + hex.EncodeToString(mac.Sum(nil)))
}

// Pass records a response of the client to a challenge of the backend, and returns
// the response to forward.
func (l *Login) Pass(response string) string {
	l.Response(response)
	if !l.invalid {
		return response
	}
	return withRandomSecret(l.Mechanism, response)
}

// Verdict checks the backend's answer to the login. It fails if the backend accepts a
// login whose secret is random.
func (l *Login) Verdict(ok bool) error {
	if ok && l.invalid {
		return Because(BackendGarbage, ErrAnyPassword)
	}
	return nil
}

// SecretSent reports whether the secret was sent to the backend; see
// Exchange.SecretSent.
func (l *Login) SecretSent() bool {
	return l.command || l.Exchange.SecretSent() && len(l.prepared) == 0 && !l.cram
}

// MayPrompt reports whether the backend may prompt without a challenge; see
// Exchange.MayPrompt.
func (l *Login) MayPrompt() bool {
	return len(l.prepared) > 0 || !l.converted && l.Exchange.MayPrompt()
}

// Converted reports whether the backend's mechanism or command is not the client's.
func (l *Login) Converted() bool { return l.converted }

// Credentials returns the authorization identity, the user name and the password of a
// login that the proxy itself checks. It is not ok if the client has not sent them, or
// its mechanism has no password.
func (l *Login) Credentials() (identity, user, password string, ok bool) { return l.credentials() }

// credentials returns the authorization identity, the user name and the password. Not
// ok: the client has not sent them, or its mechanism has no password.
func (l *Login) credentials() (identity, user, password string, ok bool) {
	if l.command {
		return "", l.name, l.password, true
	}
	if l.Mechanism == "LOGIN" && len(l.responses) == len(loginPrompts) {
		name, errName := base64.StdEncoding.DecodeString(l.responses[0])
		word, errWord := base64.StdEncoding.DecodeString(l.responses[1])
		return "", string(name), string(word), errName == nil && errWord == nil
	}
	return l.plain()
}

func (l *Login) plain() (identity, user, password string, ok bool) {
	if l.command || l.Mechanism != "PLAIN" || len(l.responses) == 0 {
		return "", "", "", false
	}
	token, err := base64.StdEncoding.DecodeString(l.responses[0])
	if err != nil {
		return "", "", "", false
	}
	server := sasl.NewPlainServer(func(i, u, p string) error {
		identity, user, password, ok = i, u, p, true
		return nil
	})
	_, _, _ = server.Next(token)
	return identity, user, password, ok
}

// invalidate replaces the secret by a random one.
func (l *Login) invalidate() {
	l.invalid = true
	l.password = rand.Text()
	if len(l.responses) > 0 {
		last := len(l.responses) - 1
		l.responses[last] = withRandomSecret(l.Mechanism, l.responses[last])
	}
}

// withRandomSecret returns a response with its secret replaced by a random one.
func withRandomSecret(mechanism, response string) string {
	token, err := base64.StdEncoding.DecodeString(response)
	if err != nil {
		return response
	}
	text := string(token)
	its, known := mechanismNamed(mechanism)
	if !known || its.secretIn == nil {
		return response
	}
	switch from, to := its.secretIn(text); {
	case from < 0:
		return response
	case strings.HasPrefix(mechanism, "SCRAM-"):
		text = text[:from] + inBase64(rand.Text()) + text[to:]
	default:
		text = text[:from] + rand.Text() + text[to:]
	}
	return inBase64(text)
}

func inBase64(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }
