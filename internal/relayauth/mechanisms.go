package relayauth

import (
	"crypto/hmac"
	"crypto/md5" //nolint:gosec // CRAM-MD5 (RFC 2195) is defined with it
	"encoding/hex"
	"errors"
	"strconv"
	"strings"

	"github.com/emersion/go-sasl"
	"github.com/xdg-go/scram"
)

// mechanism is a SASL mechanism.
type mechanism struct {
	name   string
	token  bool // it sends an access token
	client func(user, secret string, relay Relay) sasl.Client
}

// mechanisms lists the mechanisms, the best first. SCRAM does not show the
// password to the relay. CRAM-MD5 comes last: the relay must store the password
// itself for it.
var mechanisms = []mechanism{
	{"OAUTHBEARER", true, func(user, secret string, relay Relay) sasl.Client {
		return &bearer{user, secret, relay}
	}},
	{"XOAUTH2", true, func(user, secret string, _ Relay) sasl.Client { return &xoauth2{user, secret} }},
	{"SCRAM-SHA-256", false, func(user, secret string, _ Relay) sasl.Client {
		return &scramClient{name: "SCRAM-SHA-256", hash: scram.SHA256, user: user, password: secret}
	}},
	{"SCRAM-SHA-1", false, func(user, secret string, _ Relay) sasl.Client {
		return &scramClient{name: "SCRAM-SHA-1", hash: scram.SHA1, user: user, password: secret}
	}},
	{"PLAIN", false, func(user, secret string, _ Relay) sasl.Client { return sasl.NewPlainClient("", user, secret) }},
	{"LOGIN", false, func(user, secret string, _ Relay) sasl.Client { return &login{answers: []string{user, secret}} }},
	{"CRAM-MD5", false, func(user, secret string, _ Relay) sasl.Client { return &cramMD5{user, secret} }},
}

// Names returns the mechanisms for passwords, or those for tokens, the best
// first.
func Names(token bool) (names []string) {
	for _, m := range mechanisms {
		if m.token == token {
			names = append(names, m.name)
		}
	}
	return names
}

var (
	errUnexpected = errors.New("the relay has sent an unexpected challenge")
	errNotMutual  = errors.New("the relay has accepted the login without the proof that it knows the password")
)

// bearer is OAUTHBEARER (RFC 7628). In place of go-sasl's error for a refusal it
// sends the empty response of §3.2.3, so that the relay sends its reply with the
// reason.
type bearer struct {
	user, token string
	relay       Relay
}

func (b *bearer) Start() (string, []byte, error) {
	port, err := strconv.Atoi(b.relay.Port)
	if err != nil {
		return "", nil, err
	}
	return sasl.NewOAuthBearerClient(&sasl.OAuthBearerOptions{Username: b.user, Token: b.token, Host: b.relay.Host, Port: port}).Start()
}

func (b *bearer) Next([]byte) ([]byte, error) { return []byte{1}, nil }

// xoauth2 is the older mechanism of Google and Microsoft
// (https://developers.google.com/workspace/gmail/imap/xoauth2-protocol). The
// challenge of a refusal is answered by an empty response.
type xoauth2 struct{ user, token string }

func (x *xoauth2) Start() (string, []byte, error) {
	return "XOAUTH2", []byte("user=" + x.user + "\x01auth=Bearer " + x.token + "\x01\x01"), nil
}

func (x *xoauth2) Next([]byte) ([]byte, error) { return []byte{}, nil }

// login is LOGIN (draft-murchison-sasl-login). It sends no initial response,
// which some servers do not accept, and does not compare the prompts, which
// differ between servers. go-sasl's client does both.
type login struct{ answers []string }

func (l *login) Start() (string, []byte, error) { return "LOGIN", nil, nil }

func (l *login) Next([]byte) ([]byte, error) {
	if len(l.answers) == 0 {
		return nil, errUnexpected
	}
	answer := l.answers[0]
	l.answers = l.answers[1:]
	return []byte(answer), nil
}

// cramMD5 is CRAM-MD5 (RFC 2195).
type cramMD5 struct{ user, password string }

func (c *cramMD5) Start() (string, []byte, error) { return "CRAM-MD5", nil, nil }

func (c *cramMD5) Next(challenge []byte) ([]byte, error) {
	if len(challenge) == 0 {
		return nil, errUnexpected
	}
	mac := hmac.New(md5.New, []byte(c.password))
	mac.Write(challenge)
	return []byte(c.user + " " + hex.EncodeToString(mac.Sum(nil))), nil
}

// scramClient is SCRAM (RFC 5802, RFC 7677).
type scramClient struct {
	name           string
	hash           scram.HashGeneratorFcn
	user, password string
	conversation   *scram.ClientConversation
}

func (s *scramClient) Start() (string, []byte, error) {
	client, err := s.hash.NewClient(s.user, s.password, "")
	if err != nil {
		return "", nil, err
	}
	s.conversation = client.NewConversation()
	first, err := s.conversation.Step("")
	return s.name, []byte(first), err
}

func (s *scramClient) Next(challenge []byte) ([]byte, error) {
	if s.conversation.Done() || tooManyIterations(string(challenge)) {
		return nil, errUnexpected
	}
	response, err := s.conversation.Step(string(challenge))
	return []byte(response), err
}

// maxIterations bounds the work that a relay can ask for. RFC 7677 recommends
// 15,000.
const maxIterations = 1_000_000

// tooManyIterations reports whether a server's first message asks for too much
// work (RFC 5802 §7: "i=" and a number).
func tooManyIterations(message string) bool {
	for field := range strings.SplitSeq(message, ",") {
		if count, found := strings.CutPrefix(field, "i="); found {
			n, err := strconv.Atoi(count)
			return err != nil || n > maxIterations
		}
	}
	return false
}

// verified reports whether the relay has proved that it knows the password.
func (s *scramClient) verified() bool { return s.conversation.Valid() }
