package gate

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

// The text of a lookup shows whether it refuses because of the password, and cannot carry
// a response code to the client.
func TestNewRefusal(t *testing.T) {
	for _, c := range []struct {
		code, text string
		want       Refusal
	}{
		{"", "Invalid login or password", Refusal{Outcome: WrongPassword, Text: "Invalid login or password"}},
		{"535 5.7.8", "No", Refusal{Outcome: WrongPassword, Text: "No", Code: "535 5.7.8"}},
		{"", "The directory is busy", Refusal{Outcome: Unavailable, Text: "The directory is busy"}},
		{"535 5.7.0", "The directory is busy", Refusal{Outcome: Unavailable, Text: "The directory is busy"}},
		{"451 4.3.0", "Invalid login or password", Refusal{Outcome: Unavailable, Text: "Invalid login or password", Code: "451 4.3.0"}},
		{"", "Account disabled", Refusal{Outcome: Rejected, Text: "Account disabled"}},
		{"", "[SYS/TEMP] Moving", Refusal{Outcome: Unavailable, Text: "Moving"}},
		{"", "[REFERRAL imap://evil.example/] Go there", Refusal{Outcome: Rejected, Text: "Go there"}},
		{"", "[unclosed", Refusal{Outcome: WrongPassword, Text: "Authentication failed"}},
		{"", "joe@busy.example is unknown", Refusal{Outcome: WrongPassword, Text: "joe@busy.example is unknown"}},
		{"", "a\rb\nc", Refusal{Outcome: WrongPassword, Text: "a?b?c"}},
	} {
		got := NewRefusal("joe@busy.example", c.code, c.text)
		if !errors.Is(got, ErrByLookup) || !strings.HasSuffix(got.Error(), ": "+c.want.Text) {
			t.Errorf("the log has %v", got)
		}
		if got.Err = nil; *got != c.want {
			t.Errorf("%q, %q: %+v", c.code, c.text, *got)
		}
	}
}

// The backend receives the credentials of the lookup, whatever its login method.
func TestReplacedCredentials(t *testing.T) {
	by := Credentials{User: "box", Password: "other"}
	for name, l := range map[string]*Login{
		"PLAIN":         collected(t, "PLAIN", "\x00joe\x00secret"),
		"with identity": collected(t, "PLAIN", "joe\x00joe\x00secret"),
		"LOGIN":         collected(t, "LOGIN", "joe", "secret"),
		"USER":          CommandLogin("USER", "joe", "secret"),
	} {
		for _, method := range []LoginMethod{Same, ByCommand, ByPlain, ByLogin} {
			l := *l
			s := &Session{Observer: &judge{}, Backends: Backends{Route: func(Claim) (Credentials, error) { return by, nil }}, Mechanisms: &Mechanisms{Routed: true, LoginMethod: method}}
			mechanism, err := reachAndChoose(s, &l, allOffers)
			if err != nil || l.User() != "joe" {
				t.Fatalf("%s by %s: %v, %s", name, method, err, l.User())
			}
			var got []string
			switch mechanism {
			case "":
				user, password := l.Command()
				got = []string{user, password}
			case "PLAIN":
				got = responsesTo(t, &l, "")
			default:
				got = responsesTo(t, &l, "Username:", "Password:")
			}
			if !slices.Equal(got, []string{"box", "other"}) && !slices.Equal(got, []string{"\x00box\x00other"}) {
				t.Errorf("%s by %s: %q", name, method, got)
			}
		}
	}
}

// A login whose credentials cannot be replaced is not sent with the client's.
func TestCredentialsThatCannotBeReplaced(t *testing.T) {
	for name, l := range map[string]*Login{
		"SCRAM":            collected(t, "SCRAM-SHA-256", "n,,n=joe,r=x"),
		"XOAUTH2":          collected(t, "XOAUTH2", "user=joe\x01auth=Bearer x\x01\x01"),
		"for another user": collected(t, "PLAIN", "jane\x00joe\x00secret"),
	} {
		observer := &judge{}
		s := &Session{Observer: observer, Backends: Backends{Route: func(Claim) (Credentials, error) { return Credentials{User: "box"}, nil }}}
		if err := s.Reach(l); !errors.Is(err, ErrCredentials) || observer.failed != 1 {
			t.Errorf("%s: %v, %d failed logins", name, err, observer.failed)
		}
	}
}

func TestClaim(t *testing.T) {
	for name, c := range map[string]struct {
		login *Login
		want  Claim
	}{
		"PLAIN": {collected(t, "PLAIN", "jane\x00joe\x00secret"), Claim{"jane", "joe", "PLAIN", "secret", "client.example"}},
		"LOGIN": {collected(t, "LOGIN", "joe", "secret"), Claim{"joe", "joe", "LOGIN", "secret", "client.example"}},
		"USER":  {CommandLogin("USER", "joe", "secret"), Claim{"joe", "joe", "USER", "secret", "client.example"}},
		"SCRAM": {collected(t, "SCRAM-SHA-256", "n,,n=joe,r=x"), Claim{"joe", "joe", "SCRAM-SHA-256", "", "client.example"}},
		"token": {collected(t, "XOAUTH2", "user=joe\x01auth=Bearer x\x01\x01"), Claim{"joe", "joe", "XOAUTH2", "", "client.example"}},
	} {
		c.login.hello = "client.example"
		if got := c.login.claim(); got != c.want {
			t.Errorf("%s: %+v", name, got)
		}
	}
}
