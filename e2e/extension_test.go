// The server's own extensions work through Letterlock: CHUNKING, PIPELINING,
// 8BITMIME, SMTPUTF8, DSN and SIZE.

package e2e

import (
	"fmt"
	"strings"
	"testing"
)

// submitting logs in on submissions.
func submitting(t *testing.T, a account) *client {
	t.Helper()
	c := dialTLS(t, proxy(t, "submissions"))
	hello := c.introduce()
	for _, extension := range []string{"PIPELINING", "SIZE 50000000", "8BITMIME", "SMTPUTF8", "DSN", "CHUNKING"} {
		if !strings.Contains(hello, extension) {
			t.Fatalf("%s is not offered in\n%s", extension, hello)
		}
	}
	c.command("235", "AUTH PLAIN "+plain(a))
	return c
}

// bdat sends chunks of the given size.
func (c *client) bdat(text string, size int) {
	c.t.Helper()
	for len(text) > size {
		c.write(fmt.Sprintf("BDAT %d\r\n%s", size, text[:size]))
		c.reply("250")
		text = text[size:]
	}
	c.write(fmt.Sprintf("BDAT %d LAST\r\n%s", len(text), text))
	c.reply("250")
}

func TestChunking(t *testing.T) {
	for _, size := range []int{1, 7, 1000, 1 << 20} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			a := newAccount(t)
			c := submitting(t, a)
			// In a chunk, a line with a single dot is ordinary text.
			l := newLetter(a, body+".\r\nRSET\r\n")
			c.command("250", "MAIL FROM:<"+l.From+">")
			c.command("250", "RCPT TO:<"+l.To+">")
			c.bdat(l.Text, size)
			c.command("221", "QUIT")
			wantReceived(t, l.arrives(t), "ESMTPSA")
		})
	}
}

func TestPipelining(t *testing.T) {
	a := newAccount(t)
	c := submitting(t, a)
	one, two := newLetter(a, body), newLetter(a, body)
	c.send("MAIL FROM:<"+one.From+">", "RCPT TO:<"+one.To+">", "RCPT TO:<not an address>", "DATA")
	c.reply("250")
	c.reply("250")
	c.reply("5")
	c.reply("354")
	c.write(one.stuffed() + "MAIL FROM:<" + two.From + ">\r\nRCPT TO:<" + two.To + ">\r\nDATA\r\n")
	c.reply("250")
	c.reply("250")
	c.reply("250")
	c.reply("354")
	c.write(two.stuffed() + "NOOP\r\nQUIT\r\n")
	c.reply("250")
	c.reply("250")
	c.reply("221")
	c.expectEnd()
	one.arrives(t)
	two.arrives(t)
}

func TestEightBit(t *testing.T) {
	a := newAccount(t)
	c := submitting(t, a)
	l := newLetter(a, "gr\xfc\xdfe, gr\xc3\xbc\xc3\x9fe, \xff\xfe\x80\r\n", "Content-Transfer-Encoding: 8bit")
	c.command("250", "MAIL FROM:<"+l.From+"> BODY=8BITMIME SIZE="+fmt.Sprint(len(l.Text)))
	c.command("250", "RCPT TO:<"+l.To+">")
	c.command("354", "DATA")
	c.write(l.stuffed())
	c.reply("250")
	l.arrives(t)
}

func TestUnicodeAddress(t *testing.T) {
	a := named(t, "jörg")
	l := newLetter(a, body, "Subject: Grüße")
	l.From = "jörg@example.com"
	c := submitting(t, a)
	c.command("250", "MAIL FROM:<"+l.From+"> SMTPUTF8")
	c.command("250", "RCPT TO:<"+l.To+">")
	c.command("354", "DATA")
	c.write(l.stuffed())
	c.reply("250")
	l.arrives(t)

	c = dialTLS(t, proxy(t, "imaps"))
	c.expect("* OK")
	l.sameAs(t, []byte(readIMAP(c, account{`"jörg"`, `"` + a.Password + `"`})))

	t.Run("smtplib", func(t *testing.T) {
		l, joerg := newLetter(a, body, "Subject: Grüße"), named(t, "joerg") // smtplib logs in with ASCII names only
		python(t, l.Text, "send.py", port(t, proxy(t, "submission")), "starttls", joerg.Name, joerg.Password, "jörg@example.com", l.To, "SMTPUTF8")
		l.arrives(t)
	})
}

// TestDSN checks that a client that requests a delivery report gets one, with
// the parameters of its request.
func TestDSN(t *testing.T) {
	a := newAccount(t)
	c := submitting(t, a)
	l := newLetter(a, body)
	c.command("250", "MAIL FROM:<"+a.address()+"> RET=HDRS ENVID=an+2Benvelope"+a.Name)
	c.command("250", "RCPT TO:<"+l.To+"> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;first+2Bname@example.com")
	c.command("354", "DATA")
	c.write(l.stuffed())
	c.reply("250")
	report, err := needsServers(t).Delivered(a.Name, "", "Original-Envelope-Id: an+envelope"+a.Name)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"Original-Recipient: rfc822;first+name@example.com", "Action: relayed"} {
		if !strings.Contains(string(report), line) {
			t.Errorf("%q is not in the report\n%s", line, report)
		}
	}
}

// TestLargeMessage sends 20 MiB and reads them back.
func TestLargeMessage(t *testing.T) {
	a := newAccount(t)
	line := strings.Repeat(".large", 12) + "\r\n"
	l := newLetter(a, strings.Repeat(line, 20<<20/len(line)))
	python(t, l.Text, "send.py", port(t, proxy(t, "submission")), "starttls", a.Name, a.Password, l.From, l.To)
	l.arrives(t)
	t.Run("IMAP", func(t *testing.T) {
		l.sameAs(t, []byte(python(t, "", "read_imap.py", port(t, proxy(t, "imap")), "starttls", a.Name, a.Password)))
	})
	t.Run("POP3", func(t *testing.T) {
		l.sameAs(t, []byte(python(t, "", "read_pop3.py", port(t, proxy(t, "pop3s")), "tls", a.Name, a.Password)))
	})
	t.Run("too large", func(t *testing.T) {
		c := submitting(t, a)
		c.command("552", "MAIL FROM:<"+l.From+"> SIZE=50000001")
	})
}
