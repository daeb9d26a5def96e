package gate

import (
	"encoding/base64"
	"strings"

	"github.com/emersion/go-sasl"
)

// Exchange follows a SASL exchange to learn who logs in, and nothing else.
type Exchange struct {
	Mechanism string // upper case
	user      string
	steps     int
}

// maxUser bounds a name that is learnt, in bytes.
const maxUser = 256

// Response takes one response of the client as it was sent, in base64. It
// reports whether this is the first one: by then the name is known, where the
// mechanism tells it at all.
func (e *Exchange) Response(line string) (first bool) {
	e.steps++
	token, err := base64.StdEncoding.DecodeString(strings.TrimSpace(line))
	if err == nil && e.user == "" {
		user := e.learn(token)
		e.user = user[:min(len(user), maxUser)]
	}
	return e.steps == 1
}

// Sound reports whether a line can be the client's next response: base64, or
// the "=" of an empty one, and in it a name that can be one. What is not goes
// to no backend, which could read more into it. An empty response names nobody;
// what it means is the backend's to say.
func (e *Exchange) Sound(line string) bool {
	if line == "" || line == "=" {
		return true
	}
	token, err := base64.StdEncoding.DecodeString(line)
	if err != nil || strings.ContainsAny(line, "\r\n") { // which DecodeString passes over
		return false
	}
	next := *e
	next.steps++
	user := next.learn(token)
	if e.Mechanism == "PLAIN" {
		identity, _, _ := strings.Cut(string(token), "\x00")
		return user != "" && !strings.ContainsAny(user+identity, "\r\n")
	}
	return !strings.ContainsAny(user, "\r\n\x00")
}

// Begun reports whether the client has given any response: a login that is
// refused before that has not been tried.
func (e *Exchange) Begun() bool { return e.steps > 0 }

// User is who logs in, as far as it is known: empty for mechanisms that hide
// it. It is the client's word until the backend has accepted the login.
func (e *Exchange) User() string { return e.user }

func (e *Exchange) learn(token []byte) (user string) {
	switch e.Mechanism {
	case "PLAIN":
		plain := sasl.NewPlainServer(func(_, username, _ string) error {
			user = username
			return nil
		})
		_, _, _ = plain.Next(token)
	case "OAUTHBEARER":
		bearer := sasl.NewOAuthBearerServer(func(opts sasl.OAuthBearerOptions) *sasl.OAuthBearerError {
			user = opts.Username
			return nil
		})
		_, _, _ = bearer.Next(token)
	case "LOGIN":
		if e.steps == 1 {
			user = string(token)
		}
	case "XOAUTH2":
		user, _, _ = strings.Cut(strings.TrimPrefix(string(token), "user="), "\x01")
	case "CRAM-MD5":
		if i := strings.LastIndexByte(string(token), ' '); i > 0 {
			user = string(token[:i])
		}
	default:
		user = learnSCRAM(e.Mechanism, e.steps, string(token))
	}
	return user
}

// unescapeSCRAM reads a saslname (RFC 5802 §5.1).
var unescapeSCRAM = strings.NewReplacer("=2C", ",", "=3D", "=")

// learnSCRAM reads the name from a client-first message (RFC 5802 §7).
func learnSCRAM(mechanism string, step int, message string) string {
	if step != 1 || !strings.HasPrefix(mechanism, "SCRAM-") {
		return ""
	}
	for attribute := range strings.SplitSeq(message, ",") {
		if name, ok := strings.CutPrefix(attribute, "n="); ok {
			return unescapeSCRAM.Replace(name)
		}
	}
	return ""
}
