package gate

import (
	"crypto/rand"
	"encoding/base64"
	"strings"

	"github.com/emersion/go-sasl"
)

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
