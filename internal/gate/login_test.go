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

// collected returns a SASL login with the client's responses.
func collected(t *testing.T, mechanism string, responses ...string) *Login {
	t.Helper()
	l := NewLogin(mechanism)
	for _, response := range responses {
		if _, more := l.Prompt(); !more {
			t.Fatalf("%s: not asked for %q", mechanism, response)
		}
		l.AddResponse(inBase64(response))
	}
	if prompt, more := l.Prompt(); more {
		t.Fatalf("%s: asked for more: %q", mechanism, prompt)
	}
	return l
}

// allOffers are the offers of a backend that supports every login method.
var allOffers = Offers{SASL: []string{"PLAIN", "LOGIN", "CRAM-MD5", "XOAUTH2", "OAUTHBEARER"}, Command: true}

// reachAndChoose chooses the backend and the method of a login.
func reachAndChoose(s *Session, l *Login, o Offers) (mechanism string, err error) {
	if err := s.Reach(l); err != nil {
		return "", err
	}
	return s.Choose(l, o)
}

// responsesTo returns the responses to challenges.
func responsesTo(t *testing.T, l *Login, challenges ...string) (answers []string) {
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
		"PLAIN as it is":  {collected(t, "PLAIN", "\x00joe\x00secret"), Same, "PLAIN", []string{"", "?"}, []string{"\x00joe\x00secret", "the client's"}},
		"malformed":       {collected(t, "PLAIN", "joe"), Same, "PLAIN", []string{""}, []string{"joe"}},
		"LOGIN as it is":  {collected(t, "LOGIN", "joe", "secret"), Same, "LOGIN", []string{"User:", "Pass:"}, []string{"joe", "secret"}},
		"bearer token":    {collected(t, "OAUTHBEARER", bearer), ByCRAM, "OAUTHBEARER", []string{"", "{}"}, []string{bearer, "the client's"}},
		"XOAUTH2":         {collected(t, "XOAUTH2", "user=joe\x01auth=Bearer x\x01\x01"), ByLogin, "XOAUTH2", []string{""}, []string{"user=joe\x01auth=Bearer x\x01\x01"}},
		"SCRAM":           {collected(t, "SCRAM-SHA-256", "n,,n=joe,r=x"), Same, "SCRAM-SHA-256", []string{"", "r=xy"}, []string{"n,,n=joe,r=x", "the client's"}},
		"PLAIN to LOGIN":  {collected(t, "PLAIN", "\x00joe\x00se cret"), ByLogin, "LOGIN", []string{"User Name", "Password", "?"}, []string{"joe", "se cret", "*"}},
		"PLAIN to itself": {collected(t, "PLAIN", "jane\x00joe\x00secret"), ByPlain, "PLAIN", []string{"", ""}, []string{"jane\x00joe\x00secret", "*"}},
		"LOGIN to PLAIN":  {collected(t, "LOGIN", "joe", "secret"), ByPlain, "PLAIN", []string{""}, []string{"\x00joe\x00secret"}},
		"PLAIN to USER":   {collected(t, "PLAIN", "joe\x00joe\x00secret"), ByCommand, "", nil, nil},
		"USER to LOGIN":   {CommandLogin("USER", "joe", "secret"), ByLogin, "LOGIN", []string{"", ""}, []string{"joe", "secret"}},
		"USER as it is":   {CommandLogin("USER", "joe", "secret"), Same, "", nil, nil},
		// RFC 2195 §2
		"CRAM-MD5": {
			collected(t, "PLAIN", "\x00tim\x00tanstaaftanstaaf"), ByCRAM, "CRAM-MD5",
			[]string{"<1896.697170952@postoffice.reston.mci.net>", ""}, []string{"tim b913a602c7eda7a495b4e6e7334d3890", "*"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			mechanism, err := reachAndChoose(&Session{Mechanisms: &Mechanisms{LoginMethod: c.method}}, c.login, allOffers)
			if err != nil || mechanism != c.mechanism {
				t.Fatalf("%q, %v", mechanism, err)
			}
			if got := responsesTo(t, c.login, c.challenges...); !slices.Equal(got, c.answers) {
				t.Errorf("the responses are %q", got)
			}
			if user, password := c.login.Command(); mechanism == "" && (user != "joe" || password != "secret") {
				t.Errorf("%s and %s", user, password)
			}
			if user := c.login.User(); user != "joe" && user != "tim" && name != "malformed" {
				t.Errorf("the user is %q", user)
			}
		})
	}
}

func TestLoginThatCannotBeConverted(t *testing.T) {
	for name, l := range map[string]*Login{
		"line end in the name":     collected(t, "PLAIN", "\x00joe\r\nDELE 1\x00secret"),
		"line end in the password": collected(t, "LOGIN", "joe", "secret\nDELE 1"),
		"NUL":                      collected(t, "LOGIN", "joe\x00", "secret"),
		"for another user":         collected(t, "PLAIN", "jane\x00joe\x00secret"),
		"no PLAIN":                 collected(t, "PLAIN", "joe"),
	} {
		for _, method := range []LoginMethod{ByCommand, ByLogin, ByCRAM} {
			observer := &judge{}
			if _, err := reachAndChoose(&Session{Mechanisms: &Mechanisms{LoginMethod: method}, Observer: observer}, l, allOffers); !errors.Is(err, ErrCredentials) || observer.failed != 1 {
				t.Errorf("%s by %s: %v, %d failed logins", name, method, err, observer.failed)
			}
		}
	}
}

func TestMailbox(t *testing.T) {
	for want, l := range map[string]*Login{
		"jane": collected(t, "PLAIN", "jane\x00joe\x00secret"),
		"joe":  collected(t, "PLAIN", "\x00joe\x00secret"),
		"ann":  collected(t, "LOGIN", "ann", "secret"),
		"bob":  CommandLogin("USER", "bob", "secret"),
		"eve":  collected(t, "XOAUTH2", "user=eve\x01auth=Bearer x\x01\x01"),
		"sam":  collected(t, "SCRAM-SHA-256", "n,,n=sam,r=x"),
		"d,=e": collected(t, "SCRAM-SHA-256", "n,a=d=2C=3De,n=sam,r=x"),
		"":     collected(t, "PLAIN", "nothing"),
	} {
		if got := l.Mailbox(); got != want {
			t.Errorf("%q, not %q", got, want)
		}
	}
}

// The login of a user without a backend is handled like any other, and cannot
// succeed.
func TestLoginOfNobody(t *testing.T) {
	for name, l := range map[string]*Login{
		"PLAIN":       collected(t, "PLAIN", "\x00joe\x00secret"),
		"LOGIN":       collected(t, "LOGIN", "joe", "secret"),
		"USER":        CommandLogin("USER", "joe", "secret"),
		"XOAUTH2":     collected(t, "XOAUTH2", "user=joe\x01auth=Bearer secret\x01\x01"),
		"OAUTHBEARER": collected(t, "OAUTHBEARER", "n,a=joe,\x01auth=Bearer secret\x01\x01"),
	} {
		for _, method := range []LoginMethod{Same, ByCommand, ByLogin, ByPlain} {
			l := *l
			s := &Session{Observer: &judge{}, Backends: Backends{Route: func(Claim) (Credentials, error) { return Credentials{}, ErrNowhere }}, Mechanisms: &Mechanisms{Routed: true, LoginMethod: method}}
			mechanism, err := reachAndChoose(s, &l, allOffers)
			if err != nil {
				t.Fatalf("%s by %s: %v", name, method, err)
			}
			var all string
			if mechanism == "" {
				user, password := l.Command()
				all = user + password
			} else {
				all = strings.Join(responsesTo(t, &l, "", ""), "")
			}
			if strings.Contains(all, "secret") || !strings.Contains(all, "joe") || len(all) < 20 {
				t.Errorf("%s by %s: the backend receives %q", name, method, all)
			}
			if ReasonOf(l.Verdict(true)) != BackendGarbage || l.Verdict(false) != nil {
				t.Errorf("%s by %s: the login is accepted", name, method)
			}
		}
	}
	proof := "c=biws,r=xy,p=" + inBase64("proof")
	l := collected(t, "SCRAM-SHA-1", "n,,n=joe,r=x")
	l.invalidate()
	if got := unb64(t, l.Pass(inBase64(proof))); !strings.HasPrefix(got, "c=biws,r=xy,p=") || got == proof {
		t.Errorf("the proof is %q", got)
	}
	l = collected(t, "SCRAM-SHA-1", "n,,n=joe,r=x")
	if l.Pass(inBase64(proof)) != inBase64(proof) || l.Verdict(true) != nil {
		t.Error("the login of a user with a backend is changed")
	}
}

func TestMechanismsAhead(t *testing.T) {
	offered := []string{"PLAIN", "CRAM-MD5", "EXTERNAL", "SCRAM-SHA-256", "SCRAM-SHA-256-PLUS", "XOAUTH2", "GSSAPI", "X-OWN"}
	for name, c := range map[string]struct {
		m    Mechanisms
		want []string
	}{
		"unrestricted":     {Mechanisms{}, []string{"PLAIN", "CRAM-MD5", "SCRAM-SHA-256", "XOAUTH2"}},
		"unnamed":          {Mechanisms{Unnamed: []string{"GSSAPI"}}, []string{"PLAIN", "CRAM-MD5", "SCRAM-SHA-256", "XOAUTH2", "GSSAPI"}},
		"never":            {Mechanisms{Unnamed: []string{"EXTERNAL", "SCRAM-SHA-256-PLUS"}}, []string{"PLAIN", "CRAM-MD5", "SCRAM-SHA-256", "XOAUTH2"}},
		"hidden":           {Mechanisms{Hidden: []string{"PLAIN", "GSSAPI"}, Unnamed: []string{"GSSAPI"}}, []string{"CRAM-MD5", "SCRAM-SHA-256", "XOAUTH2"}},
		"routed":           {Mechanisms{Routed: true}, []string{"PLAIN", "SCRAM-SHA-256", "XOAUTH2"}},
		"converted":        {Mechanisms{LoginMethod: ByCRAM}, []string{"PLAIN", "LOGIN", "XOAUTH2"}},
		"converted, fewer": {Mechanisms{LoginMethod: ByLogin, Routed: true, Hidden: []string{"LOGIN"}}, []string{"PLAIN", "XOAUTH2"}},
	} {
		if got := c.m.Filter(Offers{SASL: offered, Command: true}); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v", name, got)
		}
	}
}
