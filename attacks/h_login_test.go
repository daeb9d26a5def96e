package attacks

import (
	"strings"
	"testing"

	"github.com/letterlock/letterlock/configs"
)

// refusing makes a backend offer more mechanisms and refuse each login.
func (b *backend) refusing(mechanisms ...string) {
	words := strings.Join(mechanisms, " ")
	b.greeting = strings.NewReplacer("AUTH=PLAIN", "AUTH="+strings.Join(mechanisms, " AUTH="), `"SASL" "PLAIN`, `"SASL" "`+words).Replace(b.greeting)
	for i := range b.offers {
		b.offers[i] = strings.NewReplacer("AUTH PLAIN", "AUTH "+words, "SASL PLAIN", "SASL "+words).Replace(b.offers[i])
	}
	no := map[string]string{"smtp": "535 5.7.8 no\r\n", "pop3": "-ERR [AUTH] no\r\n", "sieve": "NO \"no\"\r\n"}[b.protocol]
	b.answer = func(line string) (string, bool) {
		if !strings.Contains(line, "AUTH") {
			return "", false
		}
		if b.protocol == "imap" {
			tag, _, _ := strings.Cut(line, " ")
			return tag + " NO no\r\n", true
		}
		return no, true
	}
}

// H9: no part of a token that may be a secret is logged as the user name,
// whatever form the token has.
func TestH9_SecretIsNoName(t *testing.T) {
	t.Parallel()
	const secret = "ya29.a0AfH6SM"
	each(t, private, func(t *testing.T, service configs.Service) {
		w := openOnly(t, service, func(w *world) {
			w.back[service].refusing("PLAIN", "XOAUTH2", "OAUTHBEARER", "CRAM-MD5", "DIGEST-MD5", "SCRAM-SHA-256", "OTP", "NTLM", "GSSAPI", "X-OWN")
		})
		c := w.ready(service)
		for _, guess := range [][2]string{
			{"XOAUTH2", secret}, {"XOAUTH2", "user=alice^Aauth=Bearer " + secret + "^A^A"}, {"XOAUTH2", "user=" + secret},
			{"XOAUTH2", "auth=Bearer " + secret + "\x01user=alice\x01\x01"}, {"XOAUTH2", "n,a=alice,\x01auth=Bearer " + secret + "\x01\x01"},
			{"OAUTHBEARER", secret}, {"OAUTHBEARER", "n,a=alice,^Aauth=Bearer " + secret + "^A^A"}, {"OAUTHBEARER", "n,a=" + secret}, {"OAUTHBEARER", "n,a=" + secret + ","},
			{"OAUTHBEARER", "user=alice\x01auth=Bearer " + secret + "\x01\x01"},
			{"PLAIN", secret}, {"PLAIN", "alice\x00" + secret}, {"PLAIN", "alice\x00" + secret + "\x00"}, {"PLAIN", "\x00alice\x00x\x00" + secret},
			{"CRAM-MD5", secret}, {"CRAM-MD5", "alice " + secret}, {"DIGEST-MD5", "alice " + secret}, {"DIGEST-MD5", `username="` + secret},
			{"SCRAM-SHA-256", "n=" + secret + ",r=x"}, {"OTP", secret}, {"NTLM", "NTLMSSP\x00" + secret}, {"GSSAPI", secret}, {"X-OWN", secret},
		} {
			c.want(c.initial(guess[0], base64Of(guess[1])), refused[c.protocol])
		}
		_ = c.Close()
		w.stop()
		w.silent(secret, base64Of(secret))
	})
}

// H9: the user name of a well-formed token is logged.
func TestH9_NameIsRead(t *testing.T) {
	t.Parallel()
	each(t, private, func(t *testing.T, service configs.Service) {
		for _, login := range [][2]string{
			{"OAUTHBEARER", "n,a=alice,\x01host=h\x01port=1\x01mthd=POST\x01path=/\x01post=x\x01qs=y\x01auth=Bearer t\x01\x01"},
			{"OAUTHBEARER", "y,a=alice,\x01auth=Bearer t\x01\x01"},
			{"XOAUTH2", "user=alice\x01auth=Bearer t\x01\x01"},
			{"DIGEST-MD5", `charset=utf-8,username="alice",realm="",nonce="x",response=0123`},
		} {
			if c := (&client{protocol: service.Protocol()}); c.protocol == "smtp" && login[0] == "DIGEST-MD5" {
				continue // it may encrypt what follows, and is hidden
			}
			w := openOnly(t, service, func(w *world) { w.back[service].refusing("PLAIN", "XOAUTH2", "OAUTHBEARER", "DIGEST-MD5") })
			c := w.ready(service)
			c.want(c.initial(login[0], base64Of(login[1])), refused[c.protocol])
			_ = c.Close()
			w.stop()
			if log := w.log.String(); !strings.Contains(log, "user=alice mechanism="+login[0]) {
				t.Errorf("%s: logged: %s", login[0], log)
			}
		}
	})
}
