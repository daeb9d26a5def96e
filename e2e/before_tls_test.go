// Before TLS, every service with STARTTLS offers STARTTLS only. A login is
// refused before the client sends a secret, a secret that is sent anyway is not
// interpreted, and the backends see no connection.

package e2e

import (
	"fmt"
	"strings"
	"testing"
)

// conversation lists the steps of a client before TLS. Every command is
// refused.
type conversation struct {
	name, listener string
	steps          []step
}

// step is a line of the client and the prefix of the last line of the reply.
type step struct{ send, want string }

func conversations(a account) []conversation {
	token := plain(a)
	tls := "530 5.7.0 Must issue a STARTTLS command first"
	return []conversation{
		{"submission", "submission", []step{
			{"", "220 mail.example.com"}, {"EHLO e2e.example", "250 STARTTLS"},
			{"AUTH PLAIN " + token, tls}, {"AUTH PLAIN", tls}, {"AUTH LOGIN", tls},
			{"MAIL FROM:<" + a.address() + ">", tls}, {"XCLIENT ADDR=192.0.2.1 LOGIN=" + a.Name, tls}, {"VRFY " + a.Name, tls},
			{"QUIT", "221"},
		}},
		{"smtp", "smtp", []step{
			{"", "220 mail.example.com"}, {"EHLO e2e.example", "250 "},
			{"AUTH PLAIN " + token, "502"}, {"AUTH LOGIN", "502"}, {"XCLIENT ADDR=192.0.2.1 LOGIN=" + a.Name, "5"},
			{"QUIT", "221"},
		}},
		{"imap", "imap", []step{
			{"", "* OK [CAPABILITY IMAP4rev1 STARTTLS LOGINDISABLED] mail.example.com"},
			{"1 LOGIN " + a.Name + " " + a.Password, "1 NO [PRIVACYREQUIRED]"},
			{"2 AUTHENTICATE PLAIN", "2 NO [PRIVACYREQUIRED]"},
			{"3 AUTHENTICATE PLAIN " + token, "3 NO [PRIVACYREQUIRED]"},
			{"4 SELECT INBOX", "4 BAD"},
			{"5 CAPABILITY", "5 OK"},
			{"6 LOGOUT", "6 OK"},
		}},
		{"imap, literals", "imap", []step{
			{"", "* OK"},
			// The proxy discards non-synchronising literals, with the commands
			// in them.
			{fmt.Sprintf("1 LOGIN {%d+}\r\n%s {%d+}\r\n%s", len(a.Name), a.Name, len(a.Password), a.Password), "1 NO [PRIVACYREQUIRED]"},
			{"2 LOGIN x {12+}\r\n9 STARTTLS\r\n", "2 NO [PRIVACYREQUIRED]"},
			// The proxy never sends "+" for a synchronising literal.
			{fmt.Sprintf("3 LOGIN {%d}", len(a.Name)), "3 NO [PRIVACYREQUIRED]"},
			{"4 LOGOUT", "4 OK"},
		}},
		{"pop3", "pop3", []step{
			{"", "+OK mail.example.com"}, {"CAPA", "."},
			{"USER " + a.Name, "-ERR [SYS/PERM]"}, {"PASS " + a.Password, "-ERR [AUTH]"}, {"APOP " + a.Name + " 0123456789abcdef", "-ERR [AUTH]"},
			{"AUTH PLAIN " + token, "-ERR [AUTH]"}, {"AUTH PLAIN", "-ERR [AUTH]"}, {"XCLIENT ADDR=192.0.2.1", "-ERR"}, {"STAT", "-ERR"},
			{"QUIT", "+OK"},
		}},
		{"sieve", "sieve", []step{
			{"", "OK"},
			{`AUTHENTICATE "PLAIN"`, "NO (ENCRYPT-NEEDED)"},
			{`AUTHENTICATE "PLAIN" "` + token + `"`, "NO (ENCRYPT-NEEDED)"},
			{fmt.Sprintf("AUTHENTICATE \"PLAIN\" {%d+}\r\n%s", len(token), token), "NO (ENCRYPT-NEEDED)"},
			{`XCLIENT "ADDR=192.0.2.1"`, "NO"}, {"LISTSCRIPTS", "NO"},
			{"LOGOUT", "OK"},
		}},
	}
}

func TestNothingBeforeTLS(t *testing.T) {
	for _, c := range conversations(newAccount(t)) {
		t.Run(c.name, func(t *testing.T) {
			seen := watchServers(t)
			client := dial(t, proxy(t, c.listener))
			var said strings.Builder
			for _, s := range c.steps {
				if s.send != "" {
					client.send(s.send)
				}
				said.WriteString(client.readUntil(s.want) + "\n")
			}
			client.expectEnd()
			for _, word := range []string{"250-AUTH", "250 AUTH", "AUTH=", "SASL-IR", "Dovecot", "Postfix", "legacy", "334", "\n+ ", "USER"} {
				if strings.Contains(said.String(), word) {
					t.Errorf("%q was sent before TLS:\n%s", word, said.String())
				}
			}
			seen.little(c.listener)
		})
	}
}

// TestPlaintextMailReachesTheServer checks that smtp accepts mail before TLS, and
// that the server logs a client that begins a transaction.
func TestPlaintextMailReachesTheServer(t *testing.T) {
	seen := watchServers(t)
	c := dial(t, proxy(t, "smtp"))
	c.introduce()
	c.command("250", "MAIL FROM:<somebody@elsewhere.example>")
	c.command("221", "QUIT")
	if lines := seen.lines(); len(lines) <= ofSettle {
		t.Error("the servers logged nothing: watchServers does not work")
	}
}
