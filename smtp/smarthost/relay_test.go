package smarthost_test

import (
	"context"
	"crypto/hmac"
	"crypto/md5"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/emersion/go-sasl"
	gosmtp "github.com/emersion/go-smtp"
	"github.com/xdg-go/scram"

	"github.com/letterlock/letterlock/internal/nexthop"
	"github.com/letterlock/letterlock/internal/relayauth"
	"github.com/letterlock/letterlock/tlspolicy/outbound"
)

const (
	relayUser = "scanner@example.com"
	relayPass = "correct horse, battery"
)

// secret is a fixed secret.
type secret struct {
	text  string
	token bool
}

func (s secret) Get(context.Context) (string, error) { return s.text, nil }
func (s secret) IsToken() bool                       { return s.token }
func (s secret) Expire(string)                       {}

// relay is a provider's server, which accepts mail after a login.
type relay struct {
	*inbox
	offers  []string
	refusal *gosmtp.SMTPError // of a wrong login

	careless bool // accepts any login at once

	logins sync.Map // by mechanism: the number of tries
}

func (r *relay) serve(w *world) func(net.Listener) {
	s := gosmtp.NewServer(gosmtp.BackendFunc(func(*gosmtp.Conn) (gosmtp.Session, error) {
		return &relaySession{delivery: &delivery{inbox: r.inbox, secured: true}, relay: r}, nil
	}))
	s.Domain, s.ReadTimeout, s.WriteTimeout = "mx.example.net", patience, patience
	s.TLSConfig = &tls.Config{Certificates: []tls.Certificate{w.ca.ECDSA(w.t, "mx1."+relayDomain)}}
	return func(l net.Listener) {
		_ = s.Serve(l)
		_ = s.Close()
	}
}

type relaySession struct {
	*delivery
	*relay
	loggedIn bool
}

func (s *relaySession) AuthMechanisms() []string { return s.offers }

func (s *relaySession) Mail(from string, o *gosmtp.MailOptions) error {
	if !s.loggedIn {
		return &gosmtp.SMTPError{Code: 530, EnhancedCode: gosmtp.EnhancedCode{5, 7, 0}, Message: "log in first"}
	}
	return s.delivery.Mail(from, o)
}

// Auth returns the server's side of a mechanism.
func (s *relaySession) Auth(name string) (sasl.Server, error) {
	if s.careless {
		return &initialServer{check: func(string) error { return nil }}, nil
	}
	tries, _ := s.logins.LoadOrStore(name, new(int))
	*tries.(*int)++
	server := map[string]func() sasl.Server{
		sasl.Plain: func() sasl.Server {
			return sasl.NewPlainServer(func(_, user, password string) error { return s.check(user, password) })
		},
		"LOGIN": func() sasl.Server { return s.steps([]string{"User Name\x00", "Password\x00"}, s.checkLogin) },
		"CRAM-MD5": func() sasl.Server {
			return s.steps([]string{"<1896.697170952@mx.example.net>"}, s.checkCRAM)
		},
		"XOAUTH2": func() sasl.Server {
			return &initialServer{check: func(response string) error {
				return s.token(response == "user="+relayUser+"\x01auth=Bearer "+relayPass+"\x01\x01")
			}}
		},
		sasl.OAuthBearer: func() sasl.Server {
			return &initialServer{check: func(response string) error {
				return s.token(strings.HasPrefix(response, "n,a="+relayUser+",\x01host=mx1."+relayDomain+"\x01port=") && strings.HasSuffix(response, "\x01auth=Bearer "+relayPass+"\x01\x01"))
			}}
		},
		"SCRAM-SHA-256": func() sasl.Server { return s.scram(scram.SHA256) },
		"SCRAM-SHA-1":   func() sasl.Server { return s.scram(scram.SHA1) },
	}[name]
	return server(), nil
}

func (s *relaySession) check(user, password string) error {
	if user != relayUser || password != relayPass {
		return s.refusal
	}
	s.loggedIn = true
	return nil
}

func (s *relaySession) token(right bool) error {
	if !right {
		return s.refusal
	}
	s.loggedIn = true
	return nil
}

func (s *relaySession) checkLogin(responses []string) error {
	return s.check(responses[0], responses[1])
}

func (s *relaySession) checkCRAM(responses []string) error {
	mac := hmac.New(md5.New, []byte(relayPass))
	mac.Write([]byte("<1896.697170952@mx.example.net>"))
	return s.token(responses[0] == relayUser+" "+hex.EncodeToString(mac.Sum(nil)))
}

// stepServer sends challenges, and judges the responses at the end.
type stepServer struct {
	challenges, responses []string
	judge                 func(responses []string) error
}

func (s *relaySession) steps(challenges []string, judge func([]string) error) sasl.Server {
	return &stepServer{challenges: challenges, judge: judge}
}

func (s *stepServer) Next(response []byte) (challenge []byte, done bool, err error) {
	if response != nil {
		s.responses = append(s.responses, string(response))
	}
	if n := len(s.responses); n < len(s.challenges) {
		return []byte(s.challenges[n]), false, nil
	}
	return nil, true, s.judge(s.responses)
}

// initialServer judges the initial response, and sends the reason of a refusal
// in a challenge before its reply, as Google does.
type initialServer struct {
	check  func(response string) error
	failed error
}

func (s *initialServer) Next(response []byte) (challenge []byte, done bool, err error) {
	switch {
	case s.failed != nil:
		return nil, true, s.failed
	case response == nil:
		return []byte{}, false, nil
	}
	if s.failed = s.check(string(response)); s.failed != nil {
		return []byte(`{"status":"400"}`), false, nil
	}
	return nil, true, nil
}

type scramServer struct {
	session *relaySession
	*scram.ServerConversation
}

func (s *relaySession) scram(hash scram.HashGeneratorFcn) sasl.Server {
	client, err := hash.NewClient(relayUser, relayPass, "")
	if err != nil {
		panic(err)
	}
	stored, err := client.GetStoredCredentialsWithError(scram.KeyFactors{Salt: "salt of the test", Iters: 4096})
	if err != nil {
		panic(err)
	}
	server, err := hash.NewServer(func(user string) (scram.StoredCredentials, error) {
		if user != relayUser {
			return scram.StoredCredentials{}, errors.New("unknown user")
		}
		return stored, nil
	})
	if err != nil {
		panic(err)
	}
	return &scramServer{s, server.NewConversation()}
}

func (s *scramServer) Next(response []byte) (challenge []byte, done bool, err error) {
	if s.Done() {
		s.session.loggedIn = s.Valid()
		return nil, true, s.session.token(s.Valid())
	}
	text, err := s.Step(string(response))
	if err != nil {
		return nil, true, s.session.refusal
	}
	return []byte(text), false, nil
}

const relayDomain = "relay.example"

// newRelay returns a world whose mail for relayDomain goes to a relay with the
// given mechanisms.
func newRelay(t *testing.T, account *relayauth.Account, offers ...string) (*world, *relay) {
	t.Helper()
	w := newWorld(t)
	r := &relay{inbox: &inbox{}, offers: offers, refusal: &gosmtp.SMTPError{Code: 535, EnhancedCode: gosmtp.EnhancedCode{5, 7, 8}, Message: "bad credentials"}}
	w.domain(relayDomain, nexthop.Rules{Level: outbound.Verify}, r.serve(w))
	w.finder.Destinations[0].Account = account
	return w, r
}

func (r *relay) tries(mechanism string) int {
	n, found := r.logins.Load(mechanism)
	if !found {
		return 0
	}
	return *n.(*int)
}
