package gate

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"
)

func encode(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }

func TestMechanisms(t *testing.T) {
	m := Mechanisms{Hidden: []string{"LOGIN"}}
	got := m.Filter(Offers{SASL: []string{"PLAIN", "login", "EXTERNAL", "anonymous", "SCRAM-SHA-256", "SCRAM-SHA-256-PLUS", ""}})
	if want := []string{"PLAIN", "SCRAM-SHA-256"}; !slices.Equal(got, want) {
		t.Errorf("%q are allowed, not %q", got, want)
	}
}

func TestAPOP(t *testing.T) {
	if !(&Mechanisms{}).AllowsAPOP() || (&Mechanisms{Hidden: []string{"APOP"}}).AllowsAPOP() || (&Mechanisms{Routed: true}).AllowsAPOP() {
		t.Error("APOP is allowed or forbidden by mistake")
	}
}

// The example of RFC 2831 §4.
const digest = `charset=utf-8,username="chris",realm="elwood.innosoft.com",nonce="OA6MG9tEQGm2hh",nc=00000001,cnonce="OA6MHXh6VqTrRk",` +
	`digest-uri="imap/elwood.innosoft.com",response=d388dad90d4bbd760a152321f2143af7,qop=auth`

const (
	ntlm1 = "NTLMSSP\x00\x01\x00\x00\x00\x07\x82\x08\x00"
	hex32 = "b913a602c7eda7a495b4e6e7334d3890"
)

// ntlm3 returns message 3 of NTLM with a user.
func ntlm3(user string, unicode bool) string {
	message, name := make([]byte, 64), []byte(user)
	copy(message, ntlmSignature+"\x03")
	if unicode {
		name = nil
		for _, unit := range utf16.Encode([]rune(user)) {
			name = binary.LittleEndian.AppendUint16(name, unit)
		}
		message[ntlmFlags] = ntlmUnicode
	}
	binary.LittleEndian.PutUint16(message[ntlmUser:], uint16(len(name)))
	binary.LittleEndian.PutUint32(message[ntlmUser+4:], 64)
	return string(message) + string(name) + "the proof"
}

// The user name is read from the response that contains it.
func TestExchangeUser(t *testing.T) {
	for _, c := range []struct {
		mechanism string
		responses []string
		want      string
	}{
		{"PLAIN", []string{"\x00alice\x00secret"}, "alice"},
		{"PLAIN", []string{"admin\x00alice\x00secret"}, "alice"},
		{"PLAIN", []string{"", "\x00alice\x00secret"}, "alice"},
		{"LOGIN", []string{"alice", "secret"}, "alice"},
		{"LOGIN", []string{"alice", ""}, "alice"},
		{"SKEY", []string{"alice", "words"}, "alice"},
		{"OTP", []string{"\x00alice", "hex:5bf075d9959d036f"}, "alice"},
		{"OTP", []string{"admin\x00alice", "hex:5bf075d9959d036f"}, "alice"},
		{"XOAUTH2", []string{"user=alice\x01auth=Bearer token\x01\x01"}, "alice"},
		{"XOAUTH2", []string{"", "user=alice\x01auth=Bearer token\x01\x01"}, "alice"},
		{"XOAUTH2", []string{"user=alice\x01auth=Bearer token\x01\x01", ""}, "alice"},
		{"OAUTHBEARER", []string{"n,a=alice,\x01auth=Bearer token\x01\x01", "\x01"}, "alice"},
		{"OAUTHBEARER", []string{"n,a=alice,\x01host=h\x01port=143\x01mthd=POST\x01path=/x\x01post=y\x01qs=z\x01auth=Bearer t\x01\x01"}, "alice"},
		{"OAUTHBEARER", []string{"y,a=alice,\x01auth=Bearer token\x01\x01"}, "alice"},
		{"OAUTHBEARER", []string{"n,a=a=2Cb=3Dc,\x01auth=Bearer token\x01\x01"}, "a,b=c"},
		{"OAUTHBEARER", []string{"n,,\x01auth=Bearer token\x01\x01"}, ""},
		{"CRAM-MD5", []string{"alice smith " + hex32}, "alice smith"},
		{"CRAM-SHA1", []string{"alice " + hex32 + "01234567"}, "alice"},
		{"CRAM-SHA256", []string{"alice " + hex32 + hex32}, "alice"},
		{"SCRAM-SHA-256", []string{"n,,n=a=2Cb=3Dc,r=nonce", "c=biws,n=evil,p=x"}, "a,b=c"},
		{"SCRAM-SHA-256", []string{"", "n,,n=alice,r=nonce", "c=biws,p=x"}, "alice"},
		{"SCRAM-SHA-1", []string{"y,a=admin,n=alice,r=nonce"}, "alice"},
		{"DIGEST-MD5", []string{digest}, "chris"},
		{"DIGEST-MD5", []string{digest, ""}, "chris"},
		{"DIGEST-MD5", []string{`nc=1, username = "a\"b\\c, d=e" ,response=x`}, `a"b\c, d=e`},
		{"DIGEST-MD5", []string{"Username=alice,response=x"}, "alice"},
		{"DIGEST-MD5", []string{"username=\"j\xf6rg\",response=x"}, "jörg"},
		{"DIGEST-MD5", []string{`charset="UTF-8",username="jörg",response=x`}, "jörg"},
		{"NTLM", []string{ntlm1, ntlm3("alice", true)}, "alice"},
		{"NTLM", []string{ntlm1, ntlm3("jörg", true)}, "jörg"},
		{"NTLM", []string{ntlm1, ntlm3("ALICE", false)}, "ALICE"},
		{"GSSAPI", []string{"n=alice"}, ""},
	} {
		x := Exchange{Mechanism: c.mechanism}
		for _, response := range c.responses {
			if !x.Sound(encode(response)) {
				t.Errorf("%s %q is not sound", c.mechanism, response)
			}
			x.Response(encode(response))
		}
		if x.User() != c.want {
			t.Errorf("%s %q is %q, not %q", c.mechanism, c.responses, x.User(), c.want)
		}
	}
}

// A secret is never read as a name, in any malformed response.
func TestSecretIsNoName(t *testing.T) {
	const secret = "ya29.a0AfH6SM"
	for _, c := range []struct {
		mechanism string
		responses []string
	}{
		{"XOAUTH2", []string{secret}},
		{"XOAUTH2", []string{"user=alice^Aauth=Bearer " + secret + "^A^A"}},
		{"XOAUTH2", []string{`user=alice\x01auth=Bearer ` + secret + `\x01\x01`}},
		{"XOAUTH2", []string{"auth=Bearer " + secret + "\x01user=alice\x01\x01"}},
		{"XOAUTH2", []string{"Bearer " + secret + "\x01\x01"}},
		{"XOAUTH2", []string{"user=" + secret}},
		{"XOAUTH2", []string{"USER=" + secret + "\x01"}},
		{"XOAUTH2", []string{"user=\x01auth=Bearer " + secret + "\x01\x01"}},
		{"XOAUTH2", []string{"n,a=alice,\x01auth=Bearer " + secret + "\x01\x01"}},
		{"OAUTHBEARER", []string{secret}},
		{"OAUTHBEARER", []string{"n,a=" + secret}}, {"OAUTHBEARER", []string{"n,a=" + secret + ","}},
		{"OAUTHBEARER", []string{"n,a=alice,^Aauth=Bearer " + secret + "^A^A"}},
		{"OAUTHBEARER", []string{"n,a=alice,auth=Bearer " + secret + "\x01\x01"}},
		{"OAUTHBEARER", []string{"a=" + secret + ",\x01auth=Bearer x\x01\x01"}},
		{"OAUTHBEARER", []string{"n,u=" + secret + ",\x01auth=Bearer x\x01\x01"}},
		{"OAUTHBEARER", []string{"n,a=" + secret + "=,\x01auth=Bearer x\x01\x01"}},
		{"OAUTHBEARER", []string{"user=alice\x01auth=Bearer " + secret + "\x01\x01"}},
		{"PLAIN", []string{secret}}, {"PLAIN", []string{"alice " + secret}},
		{"PLAIN", []string{"alice\x00" + secret}}, {"PLAIN", []string{"\x00" + secret}},
		{"PLAIN", []string{"alice\x00" + secret + "\x00"}},
		{"PLAIN", []string{"\x00alice\x00a\x00" + secret}},
		{"LOGIN", []string{"", secret}},
		{"CRAM-MD5", []string{secret}}, {"CRAM-MD5", []string{"alice " + secret}},
		{"CRAM-MD5", []string{hex32 + " alice"}}, {"CRAM-MD5", []string{" " + hex32}},
		{"CRAM-MD5", []string{"\x00alice\x00" + secret}},
		{"SCRAM-SHA-256", []string{secret}}, {"SCRAM-SHA-256", []string{"n=" + secret + ",r=x"}},
		{"SCRAM-SHA-256", []string{"c=biws,r=x,n=" + secret + ",p=x"}},
		{"SCRAM-SHA-256", []string{"p=" + secret + ",,n=alice,r=x"}},
		{"SCRAM-SHA-256", []string{"n,," + secret}},
		{"OTP", []string{secret}},
		{"DIGEST-MD5", []string{secret}}, {"DIGEST-MD5", []string{"alice " + hex32}},
		{"DIGEST-MD5", []string{"password=" + secret + ",response=x"}},
		{"DIGEST-MD5", []string{`username="alice` + secret}},
		{"DIGEST-MD5", []string{`username="alice",username="` + secret + `"`}},
		{"DIGEST-MD5", []string{digest, secret}},
		{"NTLM", []string{secret}}, {"NTLM", []string{"alice\x00" + secret}},
		{"GSSAPI", []string{"alice\x00" + secret}}, {"X-OWN", []string{secret}},
	} {
		t.Run(fmt.Sprintf("%s %q", c.mechanism, c.responses), func(t *testing.T) {
			x := Exchange{Mechanism: c.mechanism}
			for _, response := range c.responses {
				if !x.Sound(encode(response)) {
					break // which ends the exchange
				}
				x.Response(encode(response))
			}
			if strings.Contains(x.User(), secret) || strings.Contains(x.User(), hex32) {
				t.Errorf("the name is %q", x.User())
			}
		})
	}
}

func TestUnsound(t *testing.T) {
	for _, c := range []struct{ mechanism, response string }{
		{"PLAIN", "!!!!"}, {"PLAIN", "AGE"}, {"PLAIN", "AGE=="}, {"PLAIN", "===="}, {"PLAIN", "*"},
		{"PLAIN", encode("alice")}, {"PLAIN", encode("\x00alice")}, {"PLAIN", encode("\x00\x00secret")}, {"PLAIN", encode("\x00alice\x00")},
		{"PLAIN", encode("\x00alice\x00a\x00b")}, {"PLAIN", encode("\x00a\r\nb\x00secret")}, {"PLAIN", encode("a\nb\x00alice\x00secret")},
		{"LOGIN", encode("a\nb")}, {"LOGIN", encode("a\x00b")}, {"LOGIN", ""}, {"LOGIN", "="}, {"CRAM-MD5", encode("a\nb " + hex32)},
		{"XOAUTH2", encode("user=a\r\nb\x01")}, {"SCRAM-SHA-1", encode("n,,n=a\nb,r=x")}, {"GSSAPI", "no base64"},
		{"SCRAM-SHA-1", encode("n,,n=,r=x")}, {"SCRAM-SHA-1", encode("n,,n=a=b,r=x")}, {"SCRAM-SHA-1", encode("p=tls-unique,,n=a,r=x")},
		{"DIGEST-MD5", encode("username=\"a\nb\"")}, {"DIGEST-MD5", encode(`username=""`)}, {"DIGEST-MD5", encode(`username="a" b=c`)},
		{"NTLM", encode(ntlm3("alice", true))}, {"NTLM", encode(ntlmSignature)}, {"OTP", encode("a\nb\x00alice")},
	} {
		x := Exchange{Mechanism: c.mechanism}
		if x.Sound(c.response) {
			t.Errorf("%s %q is sound", c.mechanism, c.response)
		}
	}
	for _, response := range []string{ntlm3("", true), ntlm3("alice", true)[:70], strings.Replace(ntlm3("alice", false), "alice", "a\x00i\x00e", 1), ntlm1} {
		x := Exchange{Mechanism: "NTLM"}
		x.Response(encode(ntlm1))
		if x.Sound(encode(response)) {
			t.Errorf("NTLM %q is sound", response)
		}
	}
	x := Exchange{Mechanism: "PLAIN"}
	if !x.Sound("") || !x.Sound("=") || !x.Sound(encode("\x00alice\x00with\nend")) {
		t.Error("a response that the backend must decide about is not sound")
	}
}

// The Observer is asked once, before the secret is forwarded, and the name is
// known by then. From there on, a reply of the backend can be about the secret.
func TestExchangeSteps(t *testing.T) {
	for _, c := range []struct {
		mechanism string
		responses []string
		secret    int // the number of the response
	}{
		{"PLAIN", []string{"\x00alice\x00secret"}, 1},
		{"PLAIN", []string{"", "\x00alice\x00secret"}, 2},
		{"LOGIN", []string{"alice", "secret"}, 2},
		{"LOGIN", []string{"alice", ""}, 2},
		{"XOAUTH2", []string{"user=alice\x01auth=Bearer token\x01\x01", ""}, 1},
		{"OAUTHBEARER", []string{"", "n,a=alice,\x01auth=Bearer token\x01\x01"}, 2},
		{"CRAM-MD5", []string{"alice " + hex32}, 1},
		{"DIGEST-MD5", []string{strings.Replace(digest, "chris", "alice", 1), ""}, 1},
		{"SCRAM-SHA-1", []string{"n,,n=alice,r=x", "c=biws,p=x", ""}, 2},
		{"NTLM", []string{ntlm1, ntlm3("alice", true)}, 2},
		{"OTP", []string{"\x00alice", "word:x"}, 2},
		{"XOAUTH2", []string{"token", ""}, 1},
		{"GSSAPI", []string{"", "token", "token"}, 2},
	} {
		x := Exchange{Mechanism: c.mechanism}
		for i, response := range c.responses {
			if x.SecretSent() != (i >= c.secret) {
				t.Errorf("%s: secret sent before response %d: %v", c.mechanism, i+1, x.SecretSent())
			}
			secret := x.Response(encode(response))
			if secret != (i+1 == c.secret) || secret && x.User() != "alice" && response != "token" {
				t.Errorf("%s: response %d contains the secret: %v; the user is %q", c.mechanism, i+1, secret, x.User())
			}
		}
		if !x.SecretSent() {
			t.Errorf("%s: secret not sent", c.mechanism)
		}
	}
}

// A prompt without a challenge is valid only if the client needs no data for
// its next response.
func TestMayPrompt(t *testing.T) {
	for _, c := range []struct {
		mechanism string
		responses []string
		want      bool
	}{
		{"PLAIN", nil, true}, {"LOGIN", nil, true}, {"XOAUTH2", nil, true}, {"NTLM", nil, true}, {"SCRAM-SHA-1", nil, true},
		{"LOGIN", []string{"alice"}, true}, {"LOGIN", []string{"alice", "secret"}, false}, {"PLAIN", []string{"\x00alice\x00secret"}, false},
		{"SCRAM-SHA-1", []string{"n,,n=alice,r=x"}, false}, {"NTLM", []string{ntlm1}, false},
		{"CRAM-MD5", nil, false}, {"DIGEST-MD5", nil, false},
	} {
		x := Exchange{Mechanism: c.mechanism}
		for _, response := range c.responses {
			x.Response(encode(response))
		}
		if x.MayPrompt() != c.want {
			t.Errorf("%s %q: %v", c.mechanism, c.responses, x.MayPrompt())
		}
	}
}

func TestChallengesEnd(t *testing.T) {
	x, n := Exchange{Mechanism: "LOGIN"}, 0
	for ; x.Challenged() == nil; n++ {
	}
	if n != maxRounds {
		t.Errorf("the exchange ends after %d challenges", n)
	}
}

// Each allowed mechanism has a reader for its name, or is listed in the
// configuration.
func TestEachMechanismIsRead(t *testing.T) {
	for _, name := range []string{
		"GSSAPI", "GSS-SPNEGO", "KERBEROS_V4", "GS2-KRB5", "RPA", "SRP", "SECURID", "PLAIN-CLIENTTOKEN", "XAPPLEPUSHSERVICE", "X-OWN", "SAML20", "EXTERNAL",
	} {
		if (&Mechanisms{}).Allows(name) {
			t.Errorf("%s is allowed", name)
		}
	}
	for name, m := range mechanisms {
		if !(&Mechanisms{}).Allows(name) || m.read == nil || m.secret == 0 {
			t.Errorf("%s: %+v", name, m)
		}
	}
}
