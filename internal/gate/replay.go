package gate

import (
	"crypto/hmac"
	"crypto/md5" //nolint:gosec // CRAM-MD5 (RFC 2195), for backends without a better mechanism
	"encoding/base64"
	"encoding/hex"
	"errors"
	"strings"

	"github.com/emersion/go-sasl"
)

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
