package gate

import (
	"crypto/hmac"
	"crypto/md5" //nolint:gosec // CRAM-MD5 (RFC 2195), for backends that know nothing better
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

	// ErrCredentials says that the login method of the backend cannot carry the credentials.
	ErrCredentials = errors.New("the backend's login method cannot carry these credentials")

	// ErrAnyPassword ends a session whose backend takes a password that nobody
	// has.
	ErrAnyPassword = errors.New("the backend accepts a password that was made up")
)

// Login is a login that is heard out before the backend hears of it, as it must
// be where the backend follows from the user's name, or is logged in to by
// other means. It keeps the client's secret, and is to be dropped with the
// backend's verdict.
type Login struct {
	Exchange        // of the client, with the command's name for a mechanism if it is a command
	command  bool   // the protocol's own
	name     string // of a command
	password string
	heard    []string // the client's responses, in base64
	spoilt   bool

	answers []string // for the backend, in base64
	cram    bool     // it will be answered as CRAM-MD5 has it
	turned  bool     // not by the client's own means
}

// NewLogin begins a SASL login.
func NewLogin(mechanism string) *Login { return &Login{Exchange: Exchange{Mechanism: mechanism}} }

// CommandLogin is a login by a command of the protocol, which has been heard.
func CommandLogin(command, user, password string) *Login {
	l := &Login{Exchange: Exchange{Mechanism: command}, command: true, name: user, password: password}
	l.user = user[:min(len(user), maxUser)]
	return l
}

// Prompt is the next challenge for the client, in base64; with more false, it
// has said all that it can say before the backend speaks.
func (l *Login) Prompt() (challenge string, more bool) {
	switch n := len(l.heard); {
	case l.command:
	case l.Mechanism == "LOGIN" && n < len(loginPrompts):
		return loginPrompts[n], true
	case n == 0:
		return "", true
	}
	return "", false
}

// loginPrompts are those of LOGIN, which has no standard. Clients should not
// care (draft-murchison-sasl-login); those that do know the words of the servers
// that most have.
var loginPrompts = []string{
	inBase64("Username:"),
	inBase64("Password:"),
}

// Hear takes a sound response of the client, in base64; "=" is an empty one.
func (l *Login) Hear(response string) {
	if response == "=" {
		response = ""
	}
	l.Response(response)
	l.heard = append(l.heard, response)
}

// Mailbox is whose mail the client wants: the identity that PLAIN or SCRAM asks
// to act as (RFC 4616, RFC 5802 §7), or the user.
func (l *Login) Mailbox() string {
	identity, _, _, ok := l.plain()
	if !ok && strings.HasPrefix(l.Mechanism, "SCRAM-") && len(l.heard) > 0 {
		first, _ := base64.StdEncoding.DecodeString(l.heard[0])
		identity, _, _ = cutGS2(string(first))
	}
	if identity != "" {
		return identity
	}
	return l.User()
}

// Reach brings the session to the backend that a login belongs to.
//
// The login of a user who has no backend goes on with a password that nobody
// has: it is refused by the same backend, in the same words and after the same
// time as a wrong password.
func (s *Session) Reach(l *Login) error {
	if s.Route == nil {
		return nil
	}
	err := s.Route(l.Mailbox())
	if errors.Is(err, ErrNowhere) {
		s.Observer.Denied(l.User(), l.Mechanism, ErrNowhere)
		l.spoil()
		return nil
	}
	return err
}

// Choose settles how a login is said to a backend with these offers: by a SASL
// mechanism, or by the protocol's own command where the mechanism is empty. If
// that cannot be, the Observer is told that the login was rejected, and the error is
// ErrCredentials.
func (s *Session) Choose(l *Login, o Offers) (mechanism string, err error) {
	method, err := s.Mechanisms.loginMethodFor(l, o)
	if err != nil {
		return "", err
	}
	mechanism, err = l.begin(method)
	switch {
	case errors.Is(err, ErrCredentials):
		s.Observer.Login(l.User(), l.Mechanism, Answer{Rejected, "credentials"})
	case err == nil && l.turned && mechanism != "" && !o.Unknown && !o.lists(mechanism):
		return "", Unoffered(mechanism)
	}
	return mechanism, err
}

func (l *Login) begin(method LoginMethod) (mechanism string, err error) {
	identity, user, password, ok := l.credentials()
	switch {
	case method == Same && l.command:
		return "", nil
	case method == Same, !l.command && !mechanisms[l.Mechanism].password:
		l.answers = l.heard
		return l.Mechanism, nil
	case !ok, strings.ContainsAny(user+password, "\r\n\x00"):
		return "", ErrCredentials
	case method != ByPlain && identity != "" && identity != user:
		return "", ErrCredentials // nothing but PLAIN can say it
	}
	l.turned = true
	l.name, l.password = user, password
	switch method {
	case ByCommand:
		return "", nil
	case ByPlain:
		_, token, err := sasl.NewPlainClient(identity, user, password).Start()
		l.answers = []string{inBase64(string(token))}
		return "PLAIN", err
	case ByLogin:
		l.answers = []string{inBase64(user), inBase64(password)} // whatever the prompts: there is no standard
	case ByCRAM:
		l.cram = true
	}
	return string(method), nil
}

// Command is the name and the password where the login is said by the
// protocol's own command.
func (l *Login) Command() (user, password string) { return l.name, l.password }

// Answer is what a challenge of the backend, in base64, is answered with. It is
// not ours where the client's own exchange goes on.
func (l *Login) Answer(challenge string) (response string, isOurs bool) {
	switch {
	case len(l.answers) > 0:
		response, l.answers = l.answers[0], l.answers[1:]
		return response, true
	case l.cram:
		l.cram = false
		return l.digest(challenge), true
	case l.turned:
		return "*", true // the client's exchange is over
	}
	return "", false
}

// digest is the response of CRAM-MD5 (RFC 2195 §2), or the end of an exchange
// that makes no sense.
func (l *Login) digest(challenge string) string {
	text, err := base64.StdEncoding.DecodeString(strings.TrimSpace(challenge))
	if err != nil {
		return "*"
	}
	mac := hmac.New(md5.New, []byte(l.password))
	_, _ = mac.Write(text)
	return inBase64(l.name + " " + hex.EncodeToString(mac.Sum(nil)))
}

// Pass notes a response of the client to a challenge of the backend, and returns
// it as it goes on.
func (l *Login) Pass(response string) string {
	l.Response(response)
	if !l.spoilt {
		return response
	}
	return spoilt(l.Mechanism, response)
}

// Verdict looks at how the backend has answered: a login that cannot succeed
// must not.
func (l *Login) Verdict(ok bool) error {
	if ok && l.spoilt {
		return Because(BackendGarbage, ErrAnyPassword)
	}
	return nil
}

// Told reports whether the backend has been told the secret; see Exchange.Told.
func (l *Login) Told() bool {
	return l.command || l.Exchange.Told() && len(l.answers) == 0 && !l.cram
}

// MayPrompt reports whether the backend may prompt without a challenge; see
// Exchange.MayPrompt.
func (l *Login) MayPrompt() bool {
	return len(l.answers) > 0 || !l.turned && l.Exchange.MayPrompt()
}

// Turned reports whether the login is said by other means than the client's.
func (l *Login) Turned() bool { return l.turned }

// credentials are the name and the password, where the client has told both.
func (l *Login) credentials() (identity, user, password string, ok bool) {
	if l.command {
		return "", l.name, l.password, true
	}
	if l.Mechanism == "LOGIN" && len(l.heard) == len(loginPrompts) {
		name, errName := base64.StdEncoding.DecodeString(l.heard[0])
		word, errWord := base64.StdEncoding.DecodeString(l.heard[1])
		return "", string(name), string(word), errName == nil && errWord == nil
	}
	return l.plain()
}

func (l *Login) plain() (identity, user, password string, ok bool) {
	if l.command || l.Mechanism != "PLAIN" || len(l.heard) == 0 {
		return "", "", "", false
	}
	token, err := base64.StdEncoding.DecodeString(l.heard[0])
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

// spoil replaces the secret.
func (l *Login) spoil() {
	l.spoilt = true
	l.password = rand.Text()
	if len(l.heard) > 0 {
		last := len(l.heard) - 1
		l.heard[last] = spoilt(l.Mechanism, l.heard[last])
	}
}

// spoilt is a response whose secret is a made-up one.
func spoilt(mechanism, response string) string {
	token, err := base64.StdEncoding.DecodeString(response)
	if err != nil {
		return response
	}
	text := string(token)
	its, known := mechanismNamed(mechanism)
	if !known || its.secretIn == nil {
		return response
	}
	switch begin, end := its.secretIn(text); {
	case begin < 0:
		return response
	case strings.HasPrefix(mechanism, "SCRAM-"):
		text = text[:begin] + inBase64(rand.Text()) + text[end:]
	default:
		text = text[:begin] + rand.Text() + text[end:]
	}
	return inBase64(text)
}

func inBase64(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }
