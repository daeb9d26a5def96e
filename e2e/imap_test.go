// After login the client talks to the IMAP server itself: the server's
// extensions are offered and work, also those that change the encoding of the
// connection.

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
	c.openTLS("imap")
	c.send("1 LOGIN " + a.Name + " " + a.Password)
	c.readUntil("1 OK")
	return c
}

func TestLoginForms(t *testing.T) {
	a := newAccount(t)
	name, password := len(a.Name), len(a.Password)
	for _, form := range []struct{ name, login string }{
		{"atoms", "1 LOGIN " + a.Name + " " + a.Password},
		{"quoted", `1 LOGIN "` + a.Name + `" "` + a.Password + `"`},
		{"non-synchronising literals", fmt.Sprintf("1 LOGIN {%d+}\r\n%s {%d+}\r\n%s", name, a.Name, password, a.Password)},
		{"mixed", fmt.Sprintf("1 LOGIN %s {%d+}\r\n%s", a.Name, password, a.Password)},
		{"SASL-IR", "1 AUTHENTICATE PLAIN " + plain(a)},
	} {
		t.Run(form.name, func(t *testing.T) {
			c := dialTLS(t, proxy(t, "imaps"))
			c.expect("* OK")
			c.send(form.login)
			c.readUntil("1 OK")
			c.send("2 LOGOUT")
			c.readUntil("2 OK")
			c.expectEnd()
		})
	}
	t.Run("synchronising literals", func(t *testing.T) {
		c := dialTLS(t, proxy(t, "imaps"))
		c.expect("* OK")
		c.send(fmt.Sprintf("1 LOGIN {%d}", name))
		c.expect("+ ")
		c.send(fmt.Sprintf("%s {%d}", a.Name, password))
		c.expect("+ ")
		c.send(a.Password)
		c.readUntil("1 OK")
	})
	t.Run("a SASL exchange in steps", func(t *testing.T) {
		c := dialTLS(t, proxy(t, "imaps"))
		c.expect("* OK")
		c.send("1 AUTHENTICATE PLAIN")
		c.expect("+")
		c.send("*")
		c.expect("1 BAD")
		c.send("2 AUTHENTICATE PLAIN")
		c.expect("+")
		c.send(plain(a))
		c.readUntil("2 OK")
	})
}

// TestCapabilitiesAreTheServers checks that the capabilities after login are
// the same with and without Letterlock.
func TestCapabilitiesAreTheServers(t *testing.T) {
	a := newAccount(t)
	capabilities := func(c *client) string {
		c.send("9 CAPABILITY")
		list := c.readUntil("9 OK")
		c.send("10 LOGOUT")
		c.readUntil("10 OK")
		return list
	}
	direct := dial(t, fmt.Sprintf("127.0.0.1:%d", needsServers(t).Ports.IMAP))
	direct.expect("* OK")
	direct.send("1 LOGIN " + a.Name + " " + a.Password)
	direct.readUntil("1 OK")
	want, got := capabilities(direct), capabilities(reading(t, a))
	// Dovecot's last line includes the time that the command took.
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

// TestPush checks that an idling client is notified of a delivered message.
func TestPush(t *testing.T) {
	a := newAccount(t)
	put(t, a, body)
	c := reading(t, a)
	c.send("2 SELECT INBOX")
	c.readUntil("2 OK")
	c.send("3 IDLE")
	c.expect("+ ")
	l := newLetter(a, body)
	swaks(t, localhost(t, "submission"), l, a, "--tls", "--auth", "PLAIN")
	c.readUntil("* 2 EXISTS")
	c.send("DONE")
	c.readUntil("3 OK")
	c.send("4 FETCH 2 BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)]")
	if fetched := c.readUntil("4 OK"); !strings.Contains(fetched, l.ID) {
		t.Errorf("the message is not the one that was sent:\n%s", fetched)
	}
}

func TestNotify(t *testing.T) {
	a := newAccount(t)
	put(t, a, body)
	c := reading(t, a)
	c.send("2 NOTIFY SET (INBOXES (MessageNew MessageExpunge))")
	c.readUntil("2 OK")
	put(t, a, body)
	if status := c.expect("* STATUS"); !strings.Contains(status, "MESSAGES 2") {
		t.Error(status)
	}
}

func TestMetadataAndQuickResync(t *testing.T) {
	a := newAccount(t)
	put(t, a, body)
	c := reading(t, a)
	c.send(`2 SETMETADATA INBOX (/private/comment "a {3+} comment")`)
	c.readUntil("2 OK")
	c.send("3 GETMETADATA INBOX /private/comment")
	if got := c.readUntil("3 OK"); !strings.Contains(got, "a {3+} comment") {
		t.Error(got)
	}
	c.send("4 ENABLE QRESYNC")
	c.readUntil("4 OK")
	c.send("5 SELECT INBOX")
	_, rest, _ := strings.Cut(c.readUntil("5 OK"), "[UIDVALIDITY ")
	validity := cut(rest, "]")
	c.send("6 UNSELECT", "7 SELECT INBOX (QRESYNC ("+validity+" 1))")
	c.readUntil("6 OK")
	if got := c.readUntil("7 OK"); !strings.Contains(got, "MODSEQ") {
		t.Error(got)
	}
}

// appendLetter stores a message with a literal, and reads it back.
func appendLetter(c *client, a account) {
	c.t.Helper()
	l := newLetter(a, body+"A1 LOGOUT\r\n")
	c.write(fmt.Sprintf("90 APPEND INBOX (\\Seen) {%d+}\r\n%s\r\n", len(l.Text), l.Text))
	c.readUntil("90 OK [APPENDUID")
	c.send("91 SELECT INBOX")
	c.readUntil("91 OK")
	c.send("92 FETCH 1 BODY.PEEK[]")
	fetched := c.readUntil("92 OK")
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
	c.send(fmt.Sprintf("2 APPEND INBOX {%d}", len(l.Text)))
	c.expect("+ ")
	c.write(l.Text + "\r\n")
	c.readUntil("2 OK")
	c.send("3 SELECT INBOX", "4 FETCH 1 BODY.PEEK[]")
	c.readUntil("3 OK")
	if text := c.readUntil("4 OK"); !strings.Contains(text, strings.ReplaceAll(l.Text, "\r\n", "\n")) {
		t.Error("the message has changed")
	}
}

// TestCompress checks COMPRESS=DEFLATE (RFC 4978), which client and server
// negotiate after login. The compressed bytes are not lines of text.
func TestCompress(t *testing.T) {
	a := newAccount(t)
	c := reading(t, a)
	c.send("2 COMPRESS DEFLATE")
	c.expect("2 OK")
	c.compress()
	appendLetter(c, a)
	c.send("3 LOGOUT")
	c.expect("* BYE")
	c.expect("3 OK")
}

// compress deflates all further bytes in both directions.
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

// flusher flushes after each write.
type flusher struct{ *flate.Writer }

func (f flusher) Write(p []byte) (int, error) {
	n, err := f.Writer.Write(p)
	if err == nil {
		err = f.Flush()
	}
	return n, err
}

// TestNoBorrowedTrust checks that a client cannot pass another address to the
// server, although the server would trust one from the proxy: the server's log
// has the proxy's address.
func TestNoBorrowedTrust(t *testing.T) {
	a := newAccount(t)
	w := needsServers(t)
	t.Run("imap", func(t *testing.T) {
		mark := w.Dovecot.Log.Mark()
		c := dialTLS(t, proxy(t, "imaps"))
		c.expect("* OK")
		c.send(`1 ID ("name" "e2e" "x-originating-ip" "192.0.2.66" "x-session-id" "forged")`)
		c.readUntil("1 OK")
		c.send("2 LOGIN " + a.Name + " " + a.Password)
		c.readUntil("2 OK")
		awaitLogin(t, mark, "imap-login", a)
	})
	t.Run("pop3", func(t *testing.T) {
		mark := w.Dovecot.Log.Mark()
		c := dialTLS(t, proxy(t, "pop3s"))
		if greeting := c.expect("+OK"); strings.Contains(greeting, "XCLIENT") {
			t.Error(greeting)
		}
		c.send("XCLIENT ADDR=192.0.2.66")
		c.expect("-ERR")
		c.send("USER "+a.Name, "PASS "+a.Password)
		c.expect("+OK")
		c.expect("+OK")
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
	h := &observed{t: t}
	w := needsServers(t)
	h.await(w.Dovecot.Log, mark, process, "Login: user=<"+a.Name+">", "rip=127.0.0.1")
	for _, line := range w.Dovecot.Log.Since(mark) {
		if strings.Contains(line, "192.0.2.66") || strings.Contains(line, "forged") {
			t.Errorf("the server has logged the forged address: %s", line)
		}
	}
}
