package e2e

import (
	"fmt"
	"strings"
	"testing"

	"github.com/letterlock/letterlock/e2e/world"
)

// observed reports which clients have reached Postfix and Dovecot since it was
// created.
type observed struct {
	t                *testing.T
	postfix, dovecot int // marks in their logs
}

// watchServers returns an observed of the shared servers.
func watchServers(t *testing.T) *observed {
	t.Helper()
	w := needsServers(t)
	o := &observed{t: t}
	o.settle()
	o.postfix, o.dovecot = w.Postfix.Log.Mark(), w.Dovecot.Log.Mark()
	return o
}

// settle waits until the servers have logged all earlier events: it connects to
// each of their ports, past Letterlock, and waits for its own log lines.
func (o *observed) settle() {
	o.t.Helper()
	w := needsServers(o.t)
	for port, name := range map[int]string{w.Ports.SMTP: "postfix/smtpd", w.Ports.Submission: "postfix/submission/smtpd"} {
		mark := w.Postfix.Log.Mark()
		c := dial(o.t, fmt.Sprintf("127.0.0.1:%d", port))
		c.reply("220")
		c.command("250", "HELO knock.example")
		c.command("221", "QUIT")
		o.await(w.Postfix.Log, mark, name, "disconnect from", "helo=1")
	}
	for port, words := range map[int][3]string{
		w.Ports.IMAP:              {"* OK", "1 LOGOUT", "imap-login"},
		w.Ports.POP3:              {"+OK", "QUIT", "pop3-login"},
		w.Ports.Sieve:             {"OK", "LOGOUT", "managesieve-login"},
		w.Ports.DovecotSubmission: {"220", "QUIT", "submission-login"},
	} {
		mark := w.Dovecot.Log.Mark()
		c := dial(o.t, fmt.Sprintf("127.0.0.1:%d", port))
		c.readUntil(words[0])
		c.send(words[1])
		o.await(w.Dovecot.Log, mark, words[2], "no auth attempts")
	}
}

func (o *observed) await(log *world.Log, mark int, words ...string) {
	o.t.Helper()
	if _, err := log.Await(mark, world.Patience, words...); err != nil {
		o.t.Fatal(err)
	}
}

// ofSettle is the number of lines that settle causes: two for each port of
// Postfix, one for each of Dovecot.
const ofSettle = 2*2 + 4

// lines returns the log lines about clients. The last ofSettle are about settle.
func (o *observed) lines() []string {
	o.t.Helper()
	w := needsServers(o.t)
	o.settle()
	var lines []string
	for _, line := range w.Postfix.Log.Since(o.postfix) {
		if strings.Contains(line, "smtpd[") {
			lines = append(lines, line)
		}
	}
	for _, line := range w.Dovecot.Log.Since(o.dovecot) {
		if strings.Contains(line, "-login: ") {
			lines = append(lines, line)
		}
	}
	return lines
}

// nothing fails the test if a client has reached a server.
func (o *observed) nothing() {
	o.t.Helper()
	if lines := o.lines(); len(lines) != ofSettle {
		o.t.Errorf("a server has logged the client:\n%s", strings.Join(lines, "\n"))
	}
}

// little is like nothing, but allows one EHLO on smtp, by which Letterlock learns
// the server's extensions.
func (o *observed) little(listener string) {
	o.t.Helper()
	if listener != "smtp" {
		o.nothing()
		return
	}
	log := needsServers(o.t).Postfix.Log
	line, err := log.Await(o.postfix, world.Patience, "postfix/smtpd", "disconnect from", "ehlo=1")
	if err != nil {
		o.t.Fatal(err)
	}
	switch counts := line[strings.Index(line, "ehlo="):]; counts {
	case "ehlo=1 commands=1", "ehlo=1 quit=1 commands=2":
	default:
		o.t.Errorf("the server received more than EHLO: %s", line)
	}
}
