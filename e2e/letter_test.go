package e2e

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// letter is a test message.
type letter struct {
	From, To string
	ID       string // its Message-ID, which is unique
	Text     string // with CRLF, without dot stuffing
}

var letters atomic.Int64

// body has text that transports often damage: dots at the beginning of lines,
// white space at their end, a "From " line, and a line of the maximum length.
var body = strings.Join([]string{
	"A first line", ".", "..", ".dot and text", "", "From the start", "blanks at the end  \t ", "\ttab",
	strings.Repeat("0123456789", 99) + "12345678", "-- ", "the last line", "",
}, "\r\n")

// newLetter creates a letter. Its body ends with CRLF.
func newLetter(to account, body string, headers ...string) letter {
	l := letter{From: "sender@elsewhere.example", To: to.address()}
	l.ID = fmt.Sprintf("<letter-%d.%d@e2e.example>", time.Now().UnixNano(), letters.Add(1))
	headers = append([]string{
		"From: <" + l.From + ">", "To: <" + l.To + ">", "Subject: a letter",
		"Date: Sat, 21 Nov 2026 12:00:00 +0000", "Message-ID: " + l.ID, "MIME-Version: 1.0",
	}, headers...)
	l.Text = strings.Join(headers, "\r\n") + "\r\n\r\n" + body
	return l
}

// stuffed returns the text with dot stuffing and the final dot, as DATA sends
// it (RFC 5321 §4.5.2).
func (l letter) stuffed() string {
	return strings.ReplaceAll("\r\n"+l.Text, "\r\n.", "\r\n..")[2:] + ".\r\n"
}

// forSwaks writes the text to a file without the last CRLF, which swaks adds.
func (l letter) forSwaks(t *testing.T) string {
	t.Helper()
	l.Text = strings.TrimSuffix(l.Text, "\r\n")
	return "@" + l.file(t)
}

// file writes the text to a file that a client can read.
func (l letter) file(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "letter")
	if err := os.WriteFile(path, []byte(l.Text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// arrives waits for the letter in its recipient's inbox. The text must be
// unchanged, after the headers that were added on the way. arrives returns
// these headers.
func (l letter) arrives(t *testing.T) string {
	t.Helper()
	return l.arrivesIn(t, "")
}

// arrivesIn is arrives for a folder, by the folder's name on disk.
func (l letter) arrivesIn(t *testing.T, folder string) string {
	t.Helper()
	user, _, _ := strings.Cut(l.To, "@")
	user = strings.ReplaceAll(user, "ö", "oe")
	stored, err := needsServers(t).Delivered(user, folder, l.ID)
	if err != nil {
		t.Fatal(err)
	}
	return l.sameAs(t, stored)
}

// sameAs compares the text that a client has read with the letter's.
func (l letter) sameAs(t *testing.T, read []byte) (added string) {
	t.Helper()
	read = bytes.ReplaceAll(read, []byte("\r\n"), []byte("\n"))
	text := strings.ReplaceAll(l.Text, "\r\n", "\n")
	added, ok := strings.CutSuffix(string(read), text)
	if !ok {
		t.Fatalf("the letter has changed; it was\n%.3000q\nand is\n%.3000q", text, read)
	}
	return added
}

// put delivers a letter directly to the server, for tests that only read.
func put(t *testing.T, to account, body string) letter {
	t.Helper()
	w := needsServers(t)
	l := newLetter(to, body)
	c := dial(t, fmt.Sprintf("127.0.0.1:%d", w.Ports.SMTP))
	c.introduce()
	c.sendLetter(l)
	c.command("221", "QUIT")
	l.arrives(t)
	return l
}

// sendLetter sends a transaction, from MAIL to the reply to the message.
func (c *client) sendLetter(l letter) {
	c.t.Helper()
	c.beginLetter(l)
	c.write(l.stuffed())
	c.reply("250")
}

// beginLetter sends a transaction up to, but not including, the text of the
// message.
func (c *client) beginLetter(l letter) {
	c.t.Helper()
	c.command("250", "MAIL FROM:<"+l.From+">")
	c.command("250", "RCPT TO:<"+l.To+">")
	c.command("354", "DATA")
}

// half is the number of bytes of the text that sendHalf sends.
const half = 300

// sendHalf sends a transaction and stops within the text.
func (c *client) sendHalf(l letter) {
	c.t.Helper()
	c.beginLetter(l)
	c.write(l.stuffed()[:half])
}

// sendRest continues after sendHalf, up to the reply to the message.
func (c *client) sendRest(l letter) {
	c.t.Helper()
	c.write(l.stuffed()[half:])
	c.reply("250")
}
