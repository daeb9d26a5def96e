package smarthost

import (
	"context"
	"encoding/base64"
	"errors"
	"strings"

	"github.com/letterlock/letterlock/internal/relayauth"
	"github.com/letterlock/letterlock/smtp/syntax"
)

// maxInitial bounds an initial response in the AUTH command, so that the command
// has at most 512 bytes (RFC 4954 §4). A longer one is sent after a 334.
const maxInitial = 480

// maxExchange bounds the challenges of a login.
const maxExchange = 8

// logIn logs in at a relay (RFC 4954 §4). The client gets a temporary reply to a
// refusal: the message is not wrong, but the account or the configuration is.
func (s *server) logIn(ctx context.Context) *failed {
	if s.back.TLS() == nil {
		return &failed{reply: "451 4.7.4 " + s.String() + " has no TLS, which a login needs"}
	}
	_, port := splitHostPort(s.Address)
	l, err := s.account.Login(ctx, relayauth.Relay{Host: s.Host, Port: port, Offered: s.mechanisms()})
	if err != nil {
		return notLoggedIn(s.String(), err)
	}
	r, err := s.exchangeTokens(l)
	switch {
	case err != nil:
		return &failed{reply: s.lost("logging in")}
	case r.Code == 235:
		if err := l.Succeeded(); err != nil {
			s.unusable = true
			return notLoggedIn(s.String(), err)
		}
		s.login = l
		return nil
	case l.Reveals(r.String()):
		r = syntax.Reply{Code: r.Code, Text: hiddenReply.Text}
	}
	if r.Code/100 == 5 {
		l.Refused(syntax.OneLine(r.String()))
	}
	return &failed{reply: quote(r, "451 4.7.8 Host "+s.String()+" refused the login of "+syntax.Printable(s.account.User)+": "), remedy: remedyOfLogin}
}

// loginCodes are the replies of a server that wants a login, or another one (RFC 4954
// §6).
var loginCodes = []int{530, 534, 535, 538}

// loginEnded turns a reply that wants a login after one has succeeded, as when a token
// ends in the middle of a session, into a temporary one: the message is not wrong.
func (s *server) loginEnded(r syntax.Reply) syntax.Reply {
	s.login.Ended()
	intro := "451 4.7.8 Host " + s.String() + " no longer accepts the login of " + syntax.Printable(s.account.User) + ": "
	if s.login.Reveals(r.String()) {
		r = hiddenReply
	}
	return syntax.Reply{Code: 451, Text: []byte(quote(r, intro) + "\r\n")}
}

// hiddenReply stands for a reply with the secret in it.
var hiddenReply = syntax.Reply{Code: 535, Text: []byte("535 (the reply repeats the secret, and is not shown)\r\n")}

const remedyOfLogin = "correct the user and the password of the destination's login, or ask the provider; after a refusal the next try waits"

// notLoggedIn returns the failure of a login that cannot be tried.
func notLoggedIn(relay string, err error) *failed {
	return &failed{reply: "451 4.7.8 Cannot log in at " + syntax.Printable(relay) + ": " + syntax.Printable(err.Error()), remedy: remedyOfLogin}
}

var errChallenges = errors.New("the relay sends too many challenges")

// exchangeTokens sends AUTH and answers the challenges. It returns the relay's
// last reply.
func (s *server) exchangeTokens(l *relayauth.Login) (syntax.Reply, error) {
	line, pending := "AUTH "+l.Mechanism, l.Initial()
	if text := initialResponse(pending); pending != nil && len(text) <= maxInitial {
		line, pending = line+" "+text, nil
	}
	r, err := s.command(line)
	for range maxExchange {
		if err != nil || r.Code != 334 {
			return r, err
		}
		response, ended := pending, error(nil)
		if pending == nil {
			response, ended = s.answerTo(l, r)
		}
		pending, line = nil, base64.StdEncoding.EncodeToString(response)
		if ended != nil {
			line = "*" // cancels the exchange
		}
		if r, err = s.command(line); ended != nil && err == nil {
			s.unusable = s.unusable || r.Code != 501
			return r, nil
		}
	}
	s.unusable = true
	return r, errChallenges
}

// initialResponse encodes an initial response (RFC 4954 §4: "=" is an empty one).
func initialResponse(response []byte) string {
	if len(response) == 0 {
		return "="
	}
	return base64.StdEncoding.EncodeToString(response)
}

// answerTo returns the response to a challenge.
func (s *server) answerTo(l *relayauth.Login, r syntax.Reply) ([]byte, error) {
	challenge, err := base64.StdEncoding.DecodeString(strings.TrimSpace(r.Lines()[0]))
	if err != nil {
		return nil, err
	}
	return l.Next(challenge)
}

// mechanisms lists the SASL mechanisms that the server offers. Some old servers
// write AUTH=LOGIN.
func (s *server) mechanisms() (names []string) {
	for _, line := range s.extensions {
		if keyword, rest, _ := strings.Cut(strings.Replace(line, "=", " ", 1), " "); strings.EqualFold(keyword, "AUTH") {
			names = append(names, strings.Fields(rest)...)
		}
	}
	return names
}
