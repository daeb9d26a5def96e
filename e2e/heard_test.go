package e2e

import (
	"fmt"
	"strings"
	"testing"

	"github.com/letterlock/letterlock/e2e/world"
)

// heard tells what has reached Postfix and Dovecot since some moment.
type heard struct {
	t                *testing.T
	postfix, dovecot int // marks in their logs
}

// listenToServers begins to listen.
func listenToServers(t *testing.T) *heard {
	t.Helper()
	w := needsServers(t)
	h := &heard{t: t}
	h.settle()
	h.postfix, h.dovecot = w.Postfix.Log.Mark(), w.Dovecot.Log.Mark()
	return h
}

// settle waits until the servers have logged all that has happened so far. It
// connects to each of their ports itself, past Letterlock, and waits for that
// to be logged.
func (h *heard) settle() {
	h.t.Helper()
	w := needsServers(h.t)
	for port, name := range map[int]string{w.Ports.SMTP: "postfix/smtpd", w.Ports.Submission: "postfix/submission/smtpd"} {
		mark := w.Postfix.Log.Mark()
		c := dial(h.t, fmt.Sprintf("127.0.0.1:%d", port))
		c.reply("220")
		c.command("250", "HELO knock.example")
		c.command("221", "QUIT")
		h.await(w.Postfix.Log, mark, name, "disconnect from", "helo=1")
	}
	for port, words := range map[int][3]string{
		w.Ports.IMAP:              {"* OK", "1 LOGOUT", "imap-login"},
		w.Ports.POP3:              {"+OK", "QUIT", "pop3-login"},
		w.Ports.Sieve:             {"OK", "LOGOUT", "managesieve-login"},
		w.Ports.DovecotSubmission: {"220", "QUIT", "submission-login"},
	} {
		mark := w.Dovecot.Log.Mark()
		c := dial(h.t, fmt.Sprintf("127.0.0.1:%d", port))
		c.hearUntil(words[0])
		c.say(words[1])
		h.await(w.Dovecot.Log, mark, words[2], "no auth attempts")
	}
}

func (h *heard) await(log *world.Log, mark int, words ...string) {
	h.t.Helper()
	if _, err := log.Await(mark, world.Patience, words...); err != nil {
		h.t.Fatal(err)
	}
}

// ofSettle is how many lines settle itself leads to: two for each port of
// Postfix's, one for each of Dovecot's.
const ofSettle = 2*2 + 4

// lines are those that tell of clients. The last ofSettle of them are not
// about those that are listened for.
func (h *heard) lines() []string {
	h.t.Helper()
	w := needsServers(h.t)
	h.settle()
	var lines []string
	for _, line := range w.Postfix.Log.Since(h.postfix) {
		if strings.Contains(line, "smtpd[") {
			lines = append(lines, line)
		}
	}
	for _, line := range w.Dovecot.Log.Since(h.dovecot) {
		if strings.Contains(line, "-login: ") {
			lines = append(lines, line)
		}
	}
	return lines
}

// nothing fails the test if a client has reached a server.
func (h *heard) nothing() {
	h.t.Helper()
	if lines := h.lines(); len(lines) != ofSettle {
		h.t.Errorf("the servers have heard of the client:\n%s", strings.Join(lines, "\n"))
	}
}

// little is nothing, but on smtp: there Letterlock introduces itself to learn
// what the server can do, and that is all.
func (h *heard) little(listener string) {
	h.t.Helper()
	if listener != "smtp" {
		h.nothing()
		return
	}
	log := needsServers(h.t).Postfix.Log
	line, err := log.Await(h.postfix, world.Patience, "postfix/smtpd", "disconnect from", "ehlo=1")
	if err != nil {
		h.t.Fatal(err)
	}
	switch counts := line[strings.Index(line, "ehlo="):]; counts {
	case "ehlo=1 commands=1", "ehlo=1 quit=1 commands=2":
	default:
		h.t.Errorf("the server has heard more than an introduction: %s", line)
	}
}
