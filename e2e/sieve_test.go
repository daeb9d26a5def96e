// A script that is uploaded over sieve, after STARTTLS, files the mail that
// arrives later.

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
	if greeting := c.readUntil("OK"); !strings.Contains(greeting, `"STARTTLS"`) || !strings.Contains(greeting, `"SASL" ""`) {
		t.Errorf("the greeting is\n%s", greeting)
	}
	c.send("STARTTLS")
	c.expect("OK")
	c.startTLS()
	capabilities := c.readUntil("OK") // sent by the server without a command
	for _, word := range []string{`"STARTTLS"`, `"XCLIENT"`} {
		if strings.Contains(capabilities, word) {
			t.Errorf("%s is offered in TLS:\n%s", word, capabilities)
		}
	}
	if !strings.Contains(capabilities, "fileinto") || !strings.Contains(capabilities, "PLAIN") {
		t.Errorf("the capabilities are not the server's:\n%s", capabilities)
	}
	c.send("LISTSCRIPTS")
	c.expect("NO")
	c.send(`AUTHENTICATE "PLAIN"`)
	c.expect(`""`)
	c.send(`"*"`)
	c.expect("NO")
	c.send(`AUTHENTICATE "PLAIN" "` + plain(account{a.Name, "wrong"}) + `"`)
	c.expect("NO")
	c.send(fmt.Sprintf("AUTHENTICATE \"PLAIN\" {%d+}\r\n%s", len(plain(a)), plain(a)))
	c.readUntil("OK")

	c.send(fmt.Sprintf("PUTSCRIPT \"filing\" {%d+}\r\n%s", len(script), script))
	c.expect("OK")
	c.send(`PUTSCRIPT "broken" "nonsense;"`)
	c.readUntil("NO")
	c.readUntil("") // the reason is a literal with several lines
	c.send(`SETACTIVE "filing"`)
	c.readUntil("OK")
	c.send("LISTSCRIPTS")
	if list := c.readUntil("OK"); !strings.Contains(list, `"filing" ACTIVE`) {
		t.Errorf("the scripts are\n%s", list)
	}
	c.send("LOGOUT")
	c.expect("OK")
	c.expectEnd()

	l := newLetter(a, body)
	run(t, "swaks", "--server", localhost(t, "smtp"), "--tls", "--from", l.From, "--to", l.To, "--data", l.forSwaks(t))
	l.arrivesIn(t, ".Letters")
	in := reading(t, a)
	in.send("2 EXAMINE Letters", `3 FETCH 1 BODY.PEEK[]`)
	in.readUntil("2 OK")
	if text := in.readUntil("3 OK"); !strings.Contains(text, l.ID) {
		t.Errorf("the letter is not in its folder:\n%s", text)
	}
}
