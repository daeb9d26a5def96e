// A script that is uploaded over sieve, behind STARTTLS, files the mail that
// comes afterwards.

package e2e

import (
	"fmt"
	"strings"
	"testing"
)

const script = `require ["fileinto", "mailbox"];
if header :contains "subject" "letter" {
	fileinto :create "Letters";
}
`

func TestSieve(t *testing.T) {
	a := newAccount(t)
	c := dial(t, proxy(t, "sieve"))
	if greeting := c.hearUntil("OK"); !strings.Contains(greeting, `"STARTTLS"`) || !strings.Contains(greeting, `"SASL" ""`) {
		t.Errorf("the greeting is\n%s", greeting)
	}
	c.say("STARTTLS")
	c.hear("OK")
	c.startTLS()
	capabilities := c.hearUntil("OK") // unasked
	for _, word := range []string{`"STARTTLS"`, `"XCLIENT"`} {
		if strings.Contains(capabilities, word) {
			t.Errorf("%s is offered in TLS:\n%s", word, capabilities)
		}
	}
	if !strings.Contains(capabilities, "fileinto") || !strings.Contains(capabilities, "PLAIN") {
		t.Errorf("the capabilities are not the server's:\n%s", capabilities)
	}
	c.say("LISTSCRIPTS")
	c.hear("NO")
	c.say(`AUTHENTICATE "PLAIN"`)
	c.hear(`""`)
	c.say(`"*"`)
	c.hear("NO")
	c.say(`AUTHENTICATE "PLAIN" "` + plain(account{a.Name, "wrong"}) + `"`)
	c.hear("NO")
	c.say(fmt.Sprintf("AUTHENTICATE \"PLAIN\" {%d+}\r\n%s", len(plain(a)), plain(a)))
	c.hearUntil("OK")

	c.say(fmt.Sprintf("PUTSCRIPT \"filing\" {%d+}\r\n%s", len(script), script))
	c.hear("OK")
	c.say(`PUTSCRIPT "broken" "nonsense;"`)
	c.hearUntil("NO")
	c.hearUntil("") // the reason is a literal, of lines
	c.say(`SETACTIVE "filing"`)
	c.hearUntil("OK")
	c.say("LISTSCRIPTS")
	if list := c.hearUntil("OK"); !strings.Contains(list, `"filing" ACTIVE`) {
		t.Errorf("the scripts are\n%s", list)
	}
	c.say("LOGOUT")
	c.hear("OK")
	c.hearEnd()

	l := newLetter(a, body)
	run(t, "swaks", "--server", localhost(t, "smtp"), "--tls", "--from", l.From, "--to", l.To, "--data", l.forSwaks(t))
	l.arrivesIn(t, ".Letters")
	in := reading(t, a)
	in.say("2 EXAMINE Letters", `3 FETCH 1 BODY.PEEK[]`)
	in.hearUntil("2 OK")
	if text := in.hearUntil("3 OK"); !strings.Contains(text, l.ID) {
		t.Errorf("the letter is not in its folder:\n%s", text)
	}
}
