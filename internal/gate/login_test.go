package gate

import (
	"encoding/base64"
	"errors"
	"slices"
	"strings"
	"testing"
)

func unb64(t *testing.T, s string) string {
	t.Helper()
	text, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// heard is a login by SASL that a client has said.
func heard(t *testing.T, mechanism string, responses ...string) *Login {
	t.Helper()
	l := NewLogin(mechanism)
	for _, response := range responses {
		if _, more := l.Prompt(); !more {
			t.Fatalf("%s: not asked for %q", mechanism, response)
		}
		l.Hear(inBase64(response))
	}
	if prompt, more := l.Prompt(); more {
		t.Fatalf("%s: asked for more: %q", mechanism, prompt)
	}
	return l
}

// allOffers are those of a backend that takes every way.
var allOffers = Offers{SASL: []string{"PLAIN", "LOGIN", "CRAM-MD5", "XOAUTH2", "OAUTHBEARER"}, Command: true}

// begin settles where and how a login is said.
func begin(s *Session, l *Login, o Offers) (mechanism string, err error) {
	if err := s.Reach(l); err != nil {
		return "", err
	}
	return s.Choose(l, o)
}

// said are the answers to as many challenges.
func said(t *testing.T, l *Login, challenges ...string) (answers []string) {
	t.Helper()
	for _, challenge := range challenges {
		answer, ours := l.Answer(inBase64(challenge))
		if !ours {
			return append(answers, "the client's")
		}
		if answer != "*" {
			answer = unb64(t, answer)
		}
		answers = append(answers, answer)
	}
	return answers
}

func TestLogin(t *testing.T) {
	const bearer = "n,a=joe,\x01auth=Bearer secret\x01\x01"
	for name, c := range map[string]struct {
		login      *Login
		method     LoginMethod
		mechanism  string
		challenges []string
		answers    []string
	}{
		"PLAIN as it is":  {heard(t, "PLAIN", "\x00joe\x00secret"), Same, "PLAIN", []string{"", "?"}, []string{"\x00joe\x00secret", "the client's"}},
		"broken as it is": {heard(t, "PLAIN", "joe"), Same, "PLAIN", []string{""}, []string{"joe"}},
		"LOGIN as it is":  {heard(t, "LOGIN", "joe", "secret"), Same, "LOGIN", []string{"User:", "Pass:"}, []string{"joe", "secret"}},
		"bearer token":    {heard(t, "OAUTHBEARER", bearer), ByCRAM, "OAUTHBEARER", []string{"", "{}"}, []string{bearer, "the client's"}},
		"XOAUTH2":         {heard(t, "XOAUTH2", "user=joe\x01auth=Bearer x\x01\x01"), ByLogin, "XOAUTH2", []string{""}, []string{"user=joe\x01auth=Bearer x\x01\x01"}},
		"SCRAM":           {heard(t, "SCRAM-SHA-256", "n,,n=joe,r=x"), Same, "SCRAM-SHA-256", []string{"", "r=xy"}, []string{"n,,n=joe,r=x", "the client's"}},
		"PLAIN to LOGIN":  {heard(t, "PLAIN", "\x00joe\x00se cret"), ByLogin, "LOGIN", []string{"User Name", "Password", "?"}, []string{"joe", "se cret", "*"}},
		"PLAIN to itself": {heard(t, "PLAIN", "jane\x00joe\x00secret"), ByPlain, "PLAIN", []string{"", ""}, []string{"jane\x00joe\x00secret", "*"}},
		"LOGIN to PLAIN":  {heard(t, "LOGIN", "joe", "secret"), ByPlain, "PLAIN", []string{""}, []string{"\x00joe\x00secret"}},
		"PLAIN to USER":   {heard(t, "PLAIN", "joe\x00joe\x00secret"), ByCommand, "", nil, nil},
		"USER to LOGIN":   {CommandLogin("USER", "joe", "secret"), ByLogin, "LOGIN", []string{"", ""}, []string{"joe", "secret"}},
		"USER as it is":   {CommandLogin("USER", "joe", "secret"), Same, "", nil, nil},
		// RFC 2195 §2
		"CRAM-MD5": {
			heard(t, "PLAIN", "\x00tim\x00tanstaaftanstaaf"), ByCRAM, "CRAM-MD5",
			[]string{"<1896.697170952@postoffice.reston.mci.net>", ""}, []string{"tim b913a602c7eda7a495b4e6e7334d3890", "*"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			mechanism, err := begin(&Session{Mechanisms: &Mechanisms{LoginMethod: c.method}}, c.login, allOffers)
			if err != nil || mechanism != c.mechanism {
				t.Fatalf("%q, %v", mechanism, err)
			}
			if got := said(t, c.login, c.challenges...); !slices.Equal(got, c.answers) {
				t.Errorf("it says %q", got)
			}
			if user, password := c.login.Command(); mechanism == "" && (user != "joe" || password != "secret") {
				t.Errorf("%s and %s", user, password)
			}
			if user := c.login.User(); user != "joe" && user != "tim" && name != "broken as it is" {
				t.Errorf("the user is %q", user)
			}
		})
	}
}

func TestLoginThatCannotBeTurned(t *testing.T) {
	for name, l := range map[string]*Login{
		"line end in the name":     heard(t, "PLAIN", "\x00joe\r\nDELE 1\x00secret"),
		"line end in the password": heard(t, "LOGIN", "joe", "secret\nDELE 1"),
		"NUL":                      heard(t, "LOGIN", "joe\x00", "secret"),
		"for somebody else":        heard(t, "PLAIN", "jane\x00joe\x00secret"),
		"no PLAIN":                 heard(t, "PLAIN", "joe"),
	} {
		for _, method := range []LoginMethod{ByCommand, ByLogin, ByCRAM} {
			watch := &judge{}
			if _, err := begin(&Session{Mechanisms: &Mechanisms{LoginMethod: method}, Observer: watch}, l, allOffers); !errors.Is(err, ErrCredentials) || watch.failed != 1 {
				t.Errorf("%s by %s: %v, %d failed logins", name, method, err, watch.failed)
			}
		}
	}
}

func TestMailbox(t *testing.T) {
	for want, l := range map[string]*Login{
		"jane": heard(t, "PLAIN", "jane\x00joe\x00secret"),
		"joe":  heard(t, "PLAIN", "\x00joe\x00secret"),
		"ann":  heard(t, "LOGIN", "ann", "secret"),
		"bob":  CommandLogin("USER", "bob", "secret"),
		"eve":  heard(t, "XOAUTH2", "user=eve\x01auth=Bearer x\x01\x01"),
		"sam":  heard(t, "SCRAM-SHA-256", "n,,n=sam,r=x"),
		"d,=e": heard(t, "SCRAM-SHA-256", "n,a=d=2C=3De,n=sam,r=x"),
		"":     heard(t, "PLAIN", "nothing"),
	} {
		if got := l.Mailbox(); got != want {
			t.Errorf("%q, not %q", got, want)
		}
	}
}

// The login of somebody who has no backend goes the same way as any other, and
// cannot succeed.
func TestLoginOfNobody(t *testing.T) {
	for name, l := range map[string]*Login{
		"PLAIN":       heard(t, "PLAIN", "\x00joe\x00secret"),
		"LOGIN":       heard(t, "LOGIN", "joe", "secret"),
		"USER":        CommandLogin("USER", "joe", "secret"),
		"XOAUTH2":     heard(t, "XOAUTH2", "user=joe\x01auth=Bearer secret\x01\x01"),
		"OAUTHBEARER": heard(t, "OAUTHBEARER", "n,a=joe,\x01auth=Bearer secret\x01\x01"),
	} {
		for _, method := range []LoginMethod{Same, ByCommand, ByLogin, ByPlain} {
			l := *l
			s := &Session{Observer: &judge{}, Route: func(string) error { return ErrNowhere }, Mechanisms: &Mechanisms{Routed: true, LoginMethod: method}}
			mechanism, err := begin(s, &l, allOffers)
			if err != nil {
				t.Fatalf("%s by %s: %v", name, method, err)
			}
			var all string
			if mechanism == "" {
				user, password := l.Command()
				all = user + password
			} else {
				all = strings.Join(said(t, &l, "", ""), "")
			}
			if strings.Contains(all, "secret") || !strings.Contains(all, "joe") || len(all) < 20 {
				t.Errorf("%s by %s: the backend hears %q", name, method, all)
			}
			if ReasonOf(l.Verdict(true)) != BackendGarbage || l.Verdict(false) != nil {
				t.Errorf("%s by %s: it is let in", name, method)
			}
		}
	}
	proof := "c=biws,r=xy,p=" + inBase64("proof")
	l := heard(t, "SCRAM-SHA-1", "n,,n=joe,r=x")
	l.spoil()
	if got := unb64(t, l.Pass(inBase64(proof))); !strings.HasPrefix(got, "c=biws,r=xy,p=") || got == proof {
		t.Errorf("the proof is %q", got)
	}
	l = heard(t, "SCRAM-SHA-1", "n,,n=joe,r=x")
	if l.Pass(inBase64(proof)) != inBase64(proof) || l.Verdict(true) != nil {
		t.Error("an honest login is changed")
	}
}

func TestMechanismsAhead(t *testing.T) {
	offered := []string{"PLAIN", "CRAM-MD5", "EXTERNAL", "SCRAM-SHA-256", "SCRAM-SHA-256-PLUS", "XOAUTH2", "GSSAPI", "X-OWN"}
	for name, c := range map[string]struct {
		m    Mechanisms
		want []string
	}{
		"as they are":   {Mechanisms{}, []string{"PLAIN", "CRAM-MD5", "SCRAM-SHA-256", "XOAUTH2"}},
		"unnamed":       {Mechanisms{Unnamed: []string{"GSSAPI"}}, []string{"PLAIN", "CRAM-MD5", "SCRAM-SHA-256", "XOAUTH2", "GSSAPI"}},
		"never":         {Mechanisms{Unnamed: []string{"EXTERNAL", "SCRAM-SHA-256-PLUS"}}, []string{"PLAIN", "CRAM-MD5", "SCRAM-SHA-256", "XOAUTH2"}},
		"hidden":        {Mechanisms{Hidden: []string{"PLAIN", "GSSAPI"}, Unnamed: []string{"GSSAPI"}}, []string{"CRAM-MD5", "SCRAM-SHA-256", "XOAUTH2"}},
		"routed":        {Mechanisms{Routed: true}, []string{"PLAIN", "SCRAM-SHA-256", "XOAUTH2"}},
		"turned":        {Mechanisms{LoginMethod: ByCRAM}, []string{"PLAIN", "LOGIN", "XOAUTH2"}},
		"turned, fewer": {Mechanisms{LoginMethod: ByLogin, Routed: true, Hidden: []string{"LOGIN"}}, []string{"PLAIN", "XOAUTH2"}},
	} {
		if got := c.m.Filter(Offers{SASL: offered, Command: true}); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v", name, got)
		}
	}
}
