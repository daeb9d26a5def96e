package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/letterlock/letterlock/e2e/world"
)

// bareNewlines replaces line ends of a text by bare CR and LF, some by two.
func bareNewlines(text string) string {
	ends := []string{"\n", "\r\n", "\r", "\r\n"}
	var b strings.Builder
	for i, line := range strings.SplitAfter(text, "\r\n") {
		line, whole := strings.CutSuffix(line, "\r\n")
		b.WriteString(line)
		if whole {
			b.WriteString(ends[i%len(ends)])
		}
	}
	return b.String()
}

// chunked sends a letter in chunks with bare newlines.
func (c *client) chunked(l letter, size int) {
	c.t.Helper()
	c.command("250", "MAIL FROM:<"+l.From+">")
	c.command("250", "RCPT TO:<"+l.To+">")
	c.bdat(bareNewlines(l.Text), size)
}

// givenUp sends part of a message, and then RSET.
func (c *client) givenUp(l letter) {
	c.t.Helper()
	c.command("250", "MAIL FROM:<"+l.From+">")
	c.command("250", "RCPT TO:<"+l.To+">")
	c.write("BDAT 6\r\nnever\n")
	c.reply("250")
	c.command("250", "RSET")
}

// rejected sends a message that is refused for bare newlines in its last chunk;
// the session goes on.
func (c *client) rejected(l letter, before string) {
	c.t.Helper()
	c.command("250", "MAIL FROM:<"+l.From+">")
	c.command("250", "RCPT TO:<"+l.To+">")
	if before != "" {
		c.write(fmt.Sprintf("BDAT %d\r\n%s", len(before), before))
		c.reply("250")
	}
	c.write("BDAT 6 LAST\r\nnever\n")
	c.reply("550 5.6.11")
}

// TestChunksAreMended checks that bare CR and LF in chunks arrive as CRLF at
// two different servers. With bare_newline: reject the message is refused, and
// no part of it arrives.
func TestChunksAreMended(t *testing.T) {
	e := startExim(t, "127.0.0.1")
	behind := func(name string, backend int, way string) world.Listener {
		return world.Listener{Name: name, Service: "smtp", Backend: backend, Keys: []string{"recipients: [example.com]", "bare_newline: " + way}}
	}
	postfix := needsServers(t).Ports.SMTP
	l := serveCustom(t, "", behind("postfix", postfix, "normalize"), behind("exim", e.SMTP, "normalize"),
		behind("postfix, rejecting", postfix, "reject"), behind("exim, rejecting", e.SMTP, "reject"))
	greeted := func(t *testing.T, name string) *client {
		c := dial(t, l.Address(name))
		c.reply("220")
		if hello := c.command("250", "EHLO e2e.example"); !strings.Contains(hello, "CHUNKING") {
			t.Fatalf("CHUNKING is not offered: %s", hello)
		}
		return c
	}
	long := strings.Repeat(body, 200) + "a line without an end, but"
	for _, test := range []struct {
		text string
		size int
	}{{body, 1}, {body, 7}, {body, 1000}, {long, 5000}, {long, 1 << 20}} {
		t.Run(fmt.Sprintf("postfix, %d of %d", test.size, len(test.text)), func(t *testing.T) {
			letter := newLetter(newAccount(t), test.text)
			c := greeted(t, "postfix")
			c.givenUp(letter)
			c.chunked(letter, test.size)
			letter.ended().arrives(t)
		})
		t.Run(fmt.Sprintf("exim, %d of %d", test.size, len(test.text)), func(t *testing.T) {
			letter := newLetter(account{Name: "b"}, test.text)
			mark := e.Mail.Mark()
			greeted(t, "exim").chunked(letter, test.size)
			letter.ended().filed(t, e, mark)
		})
	}
	t.Run("rejected", func(t *testing.T) {
		letter := newLetter(newAccount(t), body)
		c := greeted(t, "postfix, rejecting")
		c.rejected(letter, "never\r\n")
		c.sendLetter(letter)
		letter.arrives(t)

		// Exim 4.96 stops replying after a chunk and RSET.
		letter, mark := newLetter(account{Name: "b"}, body), e.Mail.Mark()
		c = greeted(t, "exim, rejecting")
		c.rejected(letter, "")
		c.sendLetter(letter)
		letter.filed(t, e, mark)
	})
}

// ended returns the letter as servers store it, with a line end after each
// line.
func (l letter) ended() letter {
	l.Text = strings.TrimSuffix(l.Text, "\r\n") + "\r\n"
	return l
}

// filed waits until the letter is the last one in Exim's file.
func (l letter) filed(t *testing.T, e *world.Exim, mark int) {
	t.Helper()
	if _, err := e.Mail.Await(mark, world.Patience, "Completed"); err != nil {
		t.Fatal(err)
	}
	mail, err := os.ReadFile(filepath.Join(e.Dir, "spool/home"))
	if err != nil {
		t.Fatal(err)
	}
	if added := l.sameAs(t, mail); strings.Contains(added, "never") {
		t.Errorf("the message before RSET has arrived: %s", added)
	}
}
