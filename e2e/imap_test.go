// After login an IMAP session is the server's own: its extensions are there
// and work, those included that change how bytes travel.

package e2e

import (
	"bufio"
	"compress/flate"
	"fmt"
	"io"
	"strings"
	"testing"
)

// reading logs in on imap with STARTTLS, by LOGIN.
func reading(t *testing.T, a account) *client {
	t.Helper()
	c := dial(t, proxy(t, "imap"))
	c.hear("* OK")
	c.say("0 STARTTLS")
	c.hear("0 OK")
	c.startTLS()
	c.say("1 LOGIN " + a.Name + " " + a.Password)
	c.hearUntil("1 OK")
	return c
}

func TestLoginForms(t *testing.T) {
	a := newAccount(t)
	name, password := len(a.Name), len(a.Password)
	for _, form := range []struct{ name, login string }{
		{"atoms", "1 LOGIN " + a.Name + " " + a.Password},
		{"quoted", `1 LOGIN "` + a.Name + `" "` + a.Password + `"`},
		{"literals that do not wait", fmt.Sprintf("1 LOGIN {%d+}\r\n%s {%d+}\r\n%s", name, a.Name, password, a.Password)},
		{"mixed", fmt.Sprintf("1 LOGIN %s {%d+}\r\n%s", a.Name, password, a.Password)},
		{"SASL-IR", "1 AUTHENTICATE PLAIN " + plain(a)},
	} {
		t.Run(form.name, func(t *testing.T) {
			c := dialTLS(t, proxy(t, "imaps"))
			c.hear("* OK")
			c.say(form.login)
			c.hearUntil("1 OK")
			c.say("2 LOGOUT")
			c.hearUntil("2 OK")
			c.hearEnd()
		})
	}
	t.Run("literals that wait", func(t *testing.T) {
		c := dialTLS(t, proxy(t, "imaps"))
		c.hear("* OK")
		c.say(fmt.Sprintf("1 LOGIN {%d}", name))
		c.hear("+ ")
		c.say(fmt.Sprintf("%s {%d}", a.Name, password))
		c.hear("+ ")
		c.say(a.Password)
		c.hearUntil("1 OK")
	})
	t.Run("in steps", func(t *testing.T) {
		c := dialTLS(t, proxy(t, "imaps"))
		c.hear("* OK")
		c.say("1 AUTHENTICATE PLAIN")
		c.hear("+")
		c.say("*")
		c.hear("1 BAD")
		c.say("2 AUTHENTICATE PLAIN")
		c.hear("+")
		c.say(plain(a))
		c.hearUntil("2 OK")
	})
}

// What the server offers after login is seen as it is: the same as without us.
func TestCapabilitiesAreTheServers(t *testing.T) {
	a := newAccount(t)
	capabilities := func(c *client) string {
		c.say("9 CAPABILITY")
		list := c.hearUntil("9 OK")
		c.say("10 LOGOUT")
		c.hearUntil("10 OK")
		return list
	}
	direct := dial(t, fmt.Sprintf("127.0.0.1:%d", needsServers(t).Ports.IMAP))
	direct.hear("* OK")
	direct.say("1 LOGIN " + a.Name + " " + a.Password)
	direct.hearUntil("1 OK")
	want, got := capabilities(direct), capabilities(reading(t, a))
	// The command's own time is in Dovecot's last words.
	if cut(want, " completed") != cut(got, " completed") {
		t.Errorf("the capabilities are\n%s\nand not the server's own\n%s", got, want)
	}
	for _, word := range []string{"IDLE", "NOTIFY", "METADATA", "QRESYNC", "CONDSTORE", "COMPRESS=DEFLATE", "LITERAL+"} {
		if !strings.Contains(got, word) {
			t.Errorf("%s is missing", word)
		}
	}
}

func cut(s, at string) string {
	before, _, _ := strings.Cut(s, at)
	return before
}

// A client that idles hears of a message as soon as it is delivered.
func TestPush(t *testing.T) {
	a := newAccount(t)
	put(t, a, body)
	c := reading(t, a)
	c.say("2 SELECT INBOX")
	c.hearUntil("2 OK")
	c.say("3 IDLE")
	c.hear("+ ")
	l := newLetter(a, body)
	swaks(t, localhost(t, "submission"), l, a, "--tls", "--auth", "PLAIN")
	c.hearUntil("* 2 EXISTS")
	c.say("DONE")
	c.hearUntil("3 OK")
	c.say("4 FETCH 2 BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)]")
	if fetched := c.hearUntil("4 OK"); !strings.Contains(fetched, l.ID) {
		t.Errorf("the message is not the one that was sent:\n%s", fetched)
	}
}

func TestNotify(t *testing.T) {
	a := newAccount(t)
	put(t, a, body)
	c := reading(t, a)
	c.say("2 NOTIFY SET (INBOXES (MessageNew MessageExpunge))")
	c.hearUntil("2 OK")
	put(t, a, body)
	if status := c.hear("* STATUS"); !strings.Contains(status, "MESSAGES 2") {
		t.Error(status)
	}
}

func TestMetadataAndQuickResync(t *testing.T) {
	a := newAccount(t)
	put(t, a, body)
	c := reading(t, a)
	c.say(`2 SETMETADATA INBOX (/private/comment "a {3+} comment")`)
	c.hearUntil("2 OK")
	c.say("3 GETMETADATA INBOX /private/comment")
	if got := c.hearUntil("3 OK"); !strings.Contains(got, "a {3+} comment") {
		t.Error(got)
	}
	c.say("4 ENABLE QRESYNC")
	c.hearUntil("4 OK")
	c.say("5 SELECT INBOX")
	_, rest, _ := strings.Cut(c.hearUntil("5 OK"), "[UIDVALIDITY ")
	validity := cut(rest, "]")
	c.say("6 UNSELECT", "7 SELECT INBOX (QRESYNC ("+validity+" 1))")
	c.hearUntil("6 OK")
	if got := c.hearUntil("7 OK"); !strings.Contains(got, "MODSEQ") {
		t.Error(got)
	}
}

// appendLetter stores a message with a literal, and reads it back.
func appendLetter(c *client, a account) {
	c.t.Helper()
	l := newLetter(a, body+"A1 LOGOUT\r\n")
	c.write(fmt.Sprintf("90 APPEND INBOX (\\Seen) {%d+}\r\n%s\r\n", len(l.Text), l.Text))
	c.hearUntil("90 OK [APPENDUID")
	c.say("91 SELECT INBOX")
	c.hearUntil("91 OK")
	c.say("92 FETCH 1 BODY.PEEK[]")
	fetched := c.hearUntil("92 OK")
	if !strings.Contains(fetched, strings.ReplaceAll(l.Text, "\r\n", "\n")) {
		c.t.Errorf("the message has changed:\n%q", fetched)
	}
}

func TestAppend(t *testing.T) {
	a := newAccount(t)
	appendLetter(reading(t, a), a)
}

func TestAppendLarge(t *testing.T) {
	a := newAccount(t)
	c := reading(t, a)
	line := strings.Repeat("0123456789", 7) + "\r\n"
	l := newLetter(a, strings.Repeat(line, 20<<20/len(line)))
	c.say(fmt.Sprintf("2 APPEND INBOX {%d}", len(l.Text)))
	c.hear("+ ")
	c.write(l.Text + "\r\n")
	c.hearUntil("2 OK")
	c.say("3 SELECT INBOX", "4 FETCH 1 BODY.PEEK[]")
	c.hearUntil("3 OK")
	if text := c.hearUntil("4 OK"); !strings.Contains(text, strings.ReplaceAll(l.Text, "\r\n", "\n")) {
		t.Error("the message has changed")
	}
}

// COMPRESS=DEFLATE (RFC 4978) is between client and server: what goes through
// is no text any more.
func TestCompress(t *testing.T) {
	a := newAccount(t)
	c := reading(t, a)
	c.say("2 COMPRESS DEFLATE")
	c.hear("2 OK")
	c.compress()
	appendLetter(c, a)
	c.say("3 LOGOUT")
	c.hear("* BYE")
	c.hear("3 OK")
}

// compress reads and writes deflated from now on.
func (c *client) compress() {
	c.t.Helper()
	out, err := flate.NewWriter(c.ReadWriter, flate.DefaultCompression)
	if err != nil {
		c.t.Fatal(err)
	}
	in := flate.NewReader(c.r)
	c.ReadWriter = struct {
		io.Reader
		io.Writer
	}{in, flusher{out}}
	c.r = bufio.NewReader(in)
}

// flusher holds nothing back.
type flusher struct{ *flate.Writer }

func (f flusher) Write(p []byte) (int, error) {
	n, err := f.Writer.Write(p)
	if err == nil {
		err = f.Flush()
	}
	return n, err
}

// A client cannot tell the server where it comes from, though the server would
// believe us: its log has our address.
func TestNoBorrowedTrust(t *testing.T) {
	a := newAccount(t)
	w := needsServers(t)
	t.Run("imap", func(t *testing.T) {
		mark := w.Dovecot.Log.Mark()
		c := dialTLS(t, proxy(t, "imaps"))
		c.hear("* OK")
		c.say(`1 ID ("name" "e2e" "x-originating-ip" "192.0.2.66" "x-session-id" "forged")`)
		c.hearUntil("1 OK")
		c.say("2 LOGIN " + a.Name + " " + a.Password)
		c.hearUntil("2 OK")
		awaitLogin(t, mark, "imap-login", a)
	})
	t.Run("pop3", func(t *testing.T) {
		mark := w.Dovecot.Log.Mark()
		c := dialTLS(t, proxy(t, "pop3s"))
		if greeting := c.hear("+OK"); strings.Contains(greeting, "XCLIENT") {
			t.Error(greeting)
		}
		c.say("XCLIENT ADDR=192.0.2.66")
		c.hear("-ERR")
		c.say("USER "+a.Name, "PASS "+a.Password)
		c.hear("+OK")
		c.hear("+OK")
		awaitLogin(t, mark, "pop3-login", a)
	})
	t.Run("submission", func(t *testing.T) {
		mark := w.Dovecot.Log.Mark()
		c := dial(t, proxy(t, "dovecot-submission"))
		c.introduce()
		hello := c.secure()
		for _, word := range []string{"XCLIENT", "BURL", "STARTTLS"} {
			if strings.Contains(hello, word) {
				t.Errorf("%s is offered:\n%s", word, hello)
			}
		}
		c.command("5", "XCLIENT ADDR=192.0.2.66 LOGIN="+a.Name)
		c.command("530", "MAIL FROM:<"+a.address()+">")
		c.command("235", "AUTH PLAIN "+plain(a))
		c.command("5", "XCLIENT ADDR=192.0.2.66")
		c.command("5", "BURL imap://x LAST")
		awaitLogin(t, mark, "submission-login", a)
	})
}

// awaitLogin finds a login in Dovecot's log, which must be from our address.
func awaitLogin(t *testing.T, mark int, process string, a account) {
	t.Helper()
	h := &heard{t: t}
	w := needsServers(t)
	h.await(w.Dovecot.Log, mark, process, "Login: user=<"+a.Name+">", "rip=127.0.0.1")
	for _, line := range w.Dovecot.Log.Since(mark) {
		if strings.Contains(line, "192.0.2.66") || strings.Contains(line, "forged") {
			t.Errorf("the forgery has come through: %s", line)
		}
	}
}
