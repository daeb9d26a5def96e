// On every service with STARTTLS nothing but the way to TLS is to be had in
// clear: logins are refused before a secret could follow, what follows anyway
// is not interpreted, and the servers behind do not even hear of the client.

package e2e

import (
	"fmt"
	"strings"
	"testing"
)

// clearCase is a conversation in clear that must get nowhere.
type clearCase struct {
	name, listener string
	steps          []step
}

// step is what is said and how the answer begins; an answer of several lines
// is heard to the line that begins so.
type step struct{ say, hear string }

func clearCases(a account) []clearCase {
	token := plain(a)
	tls := "530 5.7.0 Must issue a STARTTLS command first"
	return []clearCase{
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
			// what a literal without waiting brings is swallowed, commands in it too
			{fmt.Sprintf("1 LOGIN {%d+}\r\n%s {%d+}\r\n%s", len(a.Name), a.Name, len(a.Password), a.Password), "1 NO [PRIVACYREQUIRED]"},
			{"2 LOGIN x {12+}\r\n9 STARTTLS\r\n", "2 NO [PRIVACYREQUIRED]"},
			// and one that waits never gets its "+"
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

func TestNothingInClear(t *testing.T) {
	for _, c := range clearCases(newAccount(t)) {
		t.Run(c.name, func(t *testing.T) {
			heard := listenToServers(t)
			client := dial(t, proxy(t, c.listener))
			var said strings.Builder
			for _, s := range c.steps {
				if s.say != "" {
					client.say(s.say)
				}
				said.WriteString(client.hearUntil(s.hear) + "\n")
			}
			client.hearEnd()
			for _, word := range []string{"250-AUTH", "250 AUTH", "AUTH=", "SASL-IR", "Dovecot", "Postfix", "legacy", "334", "\n+ ", "USER"} {
				if strings.Contains(said.String(), word) {
					t.Errorf("%q was said in clear:\n%s", word, said.String())
				}
			}
			heard.little(c.listener)
		})
	}
}

// On smtp, mail may come in clear, and the server hears of a client that has
// begun to send.
func TestClearMailReachesTheServer(t *testing.T) {
	heard := listenToServers(t)
	c := dial(t, proxy(t, "smtp"))
	c.introduce()
	c.command("250", "MAIL FROM:<somebody@elsewhere.example>")
	c.command("221", "QUIT")
	if lines := heard.lines(); len(lines) <= ofSettle {
		t.Error("nothing was heard: this test's ears do not work")
	}
}
