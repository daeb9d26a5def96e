// These tests check logins that Letterlock replays with another mechanism, or
// forwards unchanged, by the server's log.

package e2e

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"testing"
	"time"

	"github.com/letterlock/letterlock/e2e/world"
)

func TestBackendLogin(t *testing.T) {
	b := believers(t)
	services := map[string]int{"imaps": b.Ports.IMAP, "pop3s": b.Ports.POP3, "sieve": b.Ports.Sieve, "submissions": b.Ports.SMTPLogin}
	for _, c := range []struct{ means, method string }{{"plain", "PLAIN"}, {"login", "LOGIN"}, {"cram-md5", "CRAM-MD5"}, {"user", "PLAIN"}} {
		var all []world.Listener
		for service, port := range services {
			if c.means != "user" || service == "imaps" || service == "pop3s" {
				all = append(all, world.Listener{Name: service, Service: service, Backend: port, Keys: []string{"backend_login: " + c.means}})
			}
		}
		l := serveCustom(t, "", all...)
		for _, each := range all {
			t.Run(each.Name+" by "+c.means, func(t *testing.T) {
				mark, mail := b.Dovecot.Log.Mark(), b.Postfix.Log.Mark()
				who := account{"old-" + c.means, world.BelieverPassword}
				if enters(t, l, each.Name, account{who.Name, "wrong"}) || !enters(t, l, each.Name, who) {
					t.Fatal("a wrong password was accepted")
				}
				if each.Name != "submissions" {
					awaitIn(t, b.Dovecot, mark, "Login: user=<"+who.Name+">", "method="+c.method)
					return
				}
				awaitIn(t, b.Postfix, mail, "SASL "+c.method+" authentication failed")
				conn, _ := dialFrom(t, clientAddress, l.Address(each.Name))
				logins[each.Name](conn, who)
				conn.command("250", "MAIL FROM:<x@example.com>")
				conn.command("250", "RCPT TO:<x@example.com>")
				awaitIn(t, b.Postfix, mail, "sasl_method="+c.method, "sasl_username="+who.Name)
			})
		}
	}
}

// TestBackendLoginThatIsNotOffered checks that if the server lacks the
// configured mechanism, the session fails and no wrong password is counted.
func TestBackendLoginThatIsNotOffered(t *testing.T) {
	b := believers(t)
	l := serveCustom(t, "probe: true", world.Listener{Name: "submissions", Service: "submissions", Backend: b.Ports.SMTP, Keys: []string{"backend_login: cram-md5"}})
	awaitIn(t, l.Process, 0, "it accepts no login from the proxy", "smtpd_sasl_auth_enable") // the probe
	c, _ := dialFrom(t, clientAddress, l.Address("submissions"))
	c.startTLS()
	c.introduce()
	c.command("421", "AUTH PLAIN "+plain(account{"joe", world.BelieverPassword}))
	c.expectEnd()
	awaitIn(t, l.Process, 0, ": error: session", "outcome=backend-login", "CRAM-MD5")
}

// TestBearerTokens checks that tokens reach the server unchanged, whatever the
// login method for passwords is.
func TestBearerTokens(t *testing.T) {
	b := believers(t)
	l := serveCustom(t, "",
		world.Listener{Name: "as they are", Service: "imaps", Backend: b.Ports.IMAP},
		world.Listener{Name: "collected login", Service: "imaps", Backend: b.Ports.IMAP, Keys: []string{"backend_login: login"}})
	for _, name := range []string{"as they are", "collected login"} {
		for mechanism, format := range map[string]string{
			"XOAUTH2":     "user=%s\x01auth=Bearer %s\x01\x01",
			"OAUTHBEARER": "n,a=%s,\x01host=mail.example.com\x01port=993\x01auth=Bearer %s\x01\x01",
		} {
			t.Run(name+", "+mechanism, func(t *testing.T) {
				mark := b.Dovecot.Log.Mark()
				response := base64.StdEncoding.EncodeToString(fmt.Appendf(nil, format, "token-user", token("token-user")))
				enter := func() *client {
					c, _ := dialFrom(t, clientAddress, l.Address(name))
					c.startTLS()
					c.expect("* OK")
					return c
				}
				c := enter()
				c.send("a AUTHENTICATE " + mechanism + " " + response)
				c.readUntil("a OK")
				awaitIn(t, b.Dovecot, mark, "Login: user=<token-user>", "method="+mechanism)

				c = enter()
				c.send("a AUTHENTICATE "+mechanism, response)
				c.expect("+")
				c.readUntil("a OK")

				// The server sends the reason of a refusal as a challenge,
				// which the client must answer.
				c = enter()
				c.send("a AUTHENTICATE " + mechanism + " " + base64.StdEncoding.EncodeToString(fmt.Appendf(nil, format, "token-user", "no token")))
				c.expect("+ ey")
				c.send("")
				c.readUntil("a NO")
			})
		}
	}
}

// token creates a token as an authority would issue it to a user.
func token(user string) string {
	encode := base64.RawURLEncoding.EncodeToString
	text := encode([]byte(`{"alg":"HS256","typ":"JWT","kid":"default"}`)) + "." +
		encode(fmt.Appendf(nil, `{"sub":%q,"iat":%d,"exp":%d}`, user, time.Now().Add(-time.Minute).Unix(), time.Now().Add(time.Hour).Unix()))
	mac := hmac.New(sha256.New, []byte(world.TokenKey))
	_, _ = mac.Write([]byte(text))
	return text + "." + encode(mac.Sum(nil))
}
