package gate

import (
	"encoding/base64"
	"slices"
	"testing"
)

func encode(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }

func TestMechanisms(t *testing.T) {
	m := Mechanisms{Hidden: []string{"LOGIN"}}
	got := m.Filter([]string{"PLAIN", "login", "EXTERNAL", "anonymous", "SCRAM-SHA-256", "SCRAM-SHA-256-PLUS", ""})
	if want := []string{"PLAIN", "SCRAM-SHA-256"}; !slices.Equal(got, want) {
		t.Errorf("%q pass, not %q", got, want)
	}
}

// Who logs in is learnt from what each mechanism says, when it says it.
func TestExchangeUser(t *testing.T) {
	for _, c := range []struct {
		mechanism string
		responses []string
		want      string
	}{
		{"PLAIN", []string{encode("\x00alice\x00secret")}, "alice"},
		{"PLAIN", []string{encode("admin\x00alice\x00secret")}, "alice"},
		{"PLAIN", []string{"=", encode("\x00alice\x00secret")}, "alice"},
		{"PLAIN", []string{"!"}, ""},
		{"LOGIN", []string{encode("alice"), encode("secret")}, "alice"},
		{"XOAUTH2", []string{encode("user=alice\x01auth=Bearer token\x01\x01")}, "alice"},
		{"OAUTHBEARER", []string{encode("n,a=alice,\x01auth=Bearer token\x01\x01")}, "alice"},
		{"CRAM-MD5", []string{encode("alice smith 0123456789abcdef")}, "alice smith"},
		{"SCRAM-SHA-256", []string{encode("n,,n=a=2Cb=3Dc,r=nonce"), encode("c=biws,n=evil")}, "a,b=c"},
		{"GSSAPI", []string{encode("n=alice")}, ""},
	} {
		x := Exchange{Mechanism: c.mechanism}
		for i, response := range c.responses {
			if !x.Sound(response) && response != "!" {
				t.Errorf("%s %q is not sound", c.mechanism, response)
			}
			if first := x.Response(response); first != (i == 0) {
				t.Errorf("%s %q: first %v", c.mechanism, response, first)
			}
		}
		if x.User() != c.want {
			t.Errorf("%s %q is %q, not %q", c.mechanism, c.responses, x.User(), c.want)
		}
	}
}

func TestUnsound(t *testing.T) {
	for _, c := range []struct{ mechanism, response string }{
		{"PLAIN", "!!!!"}, {"PLAIN", "AGE"}, {"PLAIN", "AGE=="}, {"PLAIN", "===="}, {"PLAIN", "*"},
		{"PLAIN", encode("alice")}, {"PLAIN", encode("\x00alice")}, {"PLAIN", encode("\x00\x00secret")},
		{"PLAIN", encode("\x00alice\x00a\x00b")}, {"PLAIN", encode("\x00a\r\nb\x00secret")}, {"PLAIN", encode("a\nb\x00alice\x00secret")},
		{"LOGIN", encode("a\nb")}, {"LOGIN", encode("a\x00b")}, {"CRAM-MD5", encode("a\nb 0123")},
		{"XOAUTH2", encode("user=a\r\nb\x01")}, {"SCRAM-SHA-1", encode("n,,n=a\nb,r=x")}, {"GSSAPI", "no base64"},
	} {
		x := Exchange{Mechanism: c.mechanism}
		if x.Sound(c.response) {
			t.Errorf("%s %q is sound", c.mechanism, c.response)
		}
	}
	x := Exchange{Mechanism: "PLAIN"}
	if !x.Sound("") || !x.Sound("=") || !x.Sound(encode("\x00alice\x00with\nend")) {
		t.Error("what the backend has to judge is not sound")
	}
}
