// These tests check that no client without a login relays through the proxy,
// even if the servers trust the proxy's address.

package e2e

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/letterlock/letterlock/e2e/world"
	"github.com/letterlock/letterlock/internal/test/wait"
)

// foreigner is the address of the client. A load balancer's PROXY header hands
// it over, so that the servers do not trust it.
const foreigner = "198.51.100.7"

// dialAsForeigner connects with a PROXY header, from an address that the
// listeners trust as a load balancer.
func dialAsForeigner(t *testing.T, address string) *client {
	t.Helper()
	c := dial(t, address)
	c.write("PROXY TCP4 " + foreigner + " 198.51.100.1 40000 25\r\n")
	return c
}

// entrance is a listener, and how a client starts TLS there.
type entrance struct {
	name     string
	implicit bool // TLS
	start    bool // STARTTLS
}

func (e entrance) connect(t *testing.T, l *world.Letterlock) *client {
	t.Helper()
	c := dialAsForeigner(t, l.Address(e.name))
	if e.implicit {
		c.startTLS()
	}
	c.reply("220")
	c.command("250", "EHLO foreign.example")
	if e.start {
		c.command("220", "STARTTLS")
		c.startTLS()
		c.command("250", "EHLO foreign.example")
	}
	return c
}

// sendGroup sends a group and reads the replies; ok is false when the connection
// has ended.
func (c *client) sendGroup(g group) (code string, ok bool) {
	if _, err := c.Write([]byte(g.lines)); err != nil {
		return "", false
	}
	for range g.replies {
		line := "---"
		for len(line) > 3 && line[3] == '-' || line == "---" {
			text, err := c.r.ReadString('\n')
			if err != nil {
				return "", false
			}
			line = text
		}
		code = line[:min(3, len(line))]
	}
	return code, true
}

// sendGroups sends groups one after the other, with a message after each 354.
func (c *client) sendGroups(groups []group) (codes []string, alive bool) {
	for i, g := range groups {
		code, ok := c.sendGroup(g)
		if !ok {
			return codes, false
		}
		codes = append(codes, code)
		ownText := i+1 < len(groups) && strings.HasPrefix(groups[i+1].lines, "Subject:")
		if code == "354" && !ownText {
			if _, ok := c.sendGroup(group{"Subject: x\r\n\r\nx\r\n.\r\n", 1}); !ok {
				return codes, false
			}
		}
		if code == "334" { // the server has taken a line for AUTH
			if _, ok := c.sendGroup(group{"*\r\n", 1}); !ok {
				return codes, false
			}
		}
	}
	return codes, true
}

// assail sends all groups at one entrance. welcome reports whether the entrance
// accepts mail to local addresses.
func assail(t *testing.T, l *world.Letterlock, e entrance, welcome bool) {
	t.Helper()
	c := e.connect(t, l)
	for _, address := range append(victims, homes...) {
		codes, alive := c.sendGroups(lines(mail, "RCPT TO:<"+address+">", "DATA", "RSET"))
		if !alive {
			_ = c.conn.Close()
			c = e.connect(t, l)
		}
		for _, own := range homes {
			if own == address && welcome && (len(codes) < 2 || codes[1] != "250") {
				t.Errorf("mail to %s is refused: %s", address, codes)
			}
		}
	}
	_ = c.conn.Close()
	for _, groups := range tricks {
		c := e.connect(t, l)
		_, _ = c.sendGroups(groups)
		_ = c.conn.Close()
	}
}

// drained waits until a server has handled all mail: its queue has no files.
func drained(t *testing.T, folders ...string) {
	t.Helper()
	var left []string
	if !wait.Happens(func() bool {
		left = nil
		for _, folder := range folders {
			_ = filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
				if err == nil && d.Type().IsRegular() {
					left = append(left, path)
				}
				return nil
			})
		}
		return len(left) == 0
	}) {
		t.Fatalf("the queue still holds %q", left)
	}
}

// settled returns relayed once it has the expected number of lines: the server
// logs a delivery a moment after it.
func settled(log *world.Log, mark, allowed string, want int) (bad []string, good int) {
	_ = wait.Happens(func() bool {
		bad, good = relayed(log, mark, allowed)
		return good >= want
	})
	return bad, good
}

// relayed counts the lines of a log about permitted messages that were sent on,
// and returns the lines about others. mark is in each such line, allowed in
// those about permitted messages.
func relayed(log *world.Log, mark, allowed string) (bad []string, good int) {
	for _, line := range log.Since(0) {
		switch {
		case !strings.Contains(line, mark):
		case strings.Contains(line, allowed):
			good++
		default:
			bad = append(bad, line)
		}
	}
	return bad, good
}

// patient is a configuration without limits on errors and rates.
const patient = "limits: {errors: 1000, login_failures_per_client: 0, login_failures_per_user: 0}"

// trustful are the addresses that an old Postfix and an Exim trust.
const trustful = "127.0.0.0/8"

func TestNoRelayBeforePostfix(t *testing.T) {
	b := trusting(t, trustful)
	p := b.Ports
	balanced := func(name, service string, backend int, keys ...string) world.Listener {
		return world.Listener{Name: name, Service: service, Backend: backend, Keys: append(keys, "proxy_from: [127.0.0.1]")}
	}
	ours := "recipients: [example.com]"
	l := serveCustom(t, patient,
		balanced("smtp", "smtp", p.SMTP, ours), balanced("smtp xforward", "smtp", p.SMTP, ours, "handover: xforward"),
		balanced("smtp auth", "smtp", p.SMTPLogin, ours, "auth: true"), balanced("smtp reject", "smtp", p.SMTP, ours, "bare_newline: reject"),
		balanced("smtp xclient", "smtp", p.SMTP, "handover: xclient"),
		balanced("smtp proxy-v1", "smtp", p.SMTPBehindHeader, "handover: proxy-v1"),
		balanced("smtp proxy-v2", "smtp", p.SMTPBehindHeader, "handover: proxy-v2"),
		balanced("submission", "submission", p.SMTPLogin), balanced("submissions", "submissions", p.SMTPLogin),
		balanced("submission xclient", "submission", p.SMTPLogin, "handover: xclient"),
		balanced("dovecot", "submission", p.Submission, "handover: xclient"),
		balanced("imaps", "imaps", p.IMAP), balanced("pop3s", "pop3s", p.POP3), balanced("imap", "imap", p.IMAP),
		balanced("pop3", "pop3", p.POP3), balanced("sieve", "sieve", p.Sieve),
	)
	for _, e := range []entrance{
		{"smtp", false, false}, {"smtp", false, true}, {"smtp xforward", false, false}, {"smtp xforward", false, true},
		{"smtp auth", false, false}, {"smtp auth", false, true}, {"smtp reject", false, true}, {"smtp xclient", false, false}, {"smtp xclient", false, true},
		{"smtp proxy-v1", false, false}, {"smtp proxy-v1", false, true}, {"smtp proxy-v2", false, false}, {"smtp proxy-v2", false, true},
		{"submission", false, false}, {"submission", false, true}, {"submissions", true, false}, {"submission xclient", false, true},
		{"dovecot", false, true},
	} {
		t.Run(fmt.Sprintf("%s, STARTTLS %v", e.name, e.start), func(t *testing.T) {
			assail(t, l, e, strings.HasPrefix(e.name, "smtp"))
		})
	}
	for name, implicit := range map[string]bool{"imaps": true, "pop3s": true, "imap": false, "pop3": false, "sieve": false} {
		t.Run(name, func(t *testing.T) {
			c := dialAsForeigner(t, l.Address(name))
			if implicit {
				c.startTLS()
			}
			_, _ = c.sendGroups(lines("", "EHLO x", mail, victim, "DATA"))
		})
	}

	// A client with a login may relay. Without this check the test would prove
	// nothing, because no message might be relayed at all.
	c := entrance{"submissions", true, false}.connect(t, l)
	c.command("235", "AUTH PLAIN "+plain(account{"w", world.BelieverPassword}))
	allow(c)
	c = dial(t, fmt.Sprintf("127.0.0.1:%d", p.SMTP)) // and any client that connects to Postfix directly
	c.reply("220")
	c.command("250", "EHLO x")
	allow(c)
	drained(t, filepath.Join(b.Dir, "queue/incoming"), filepath.Join(b.Dir, "queue/active"), filepath.Join(b.Dir, "queue/deferred"), filepath.Join(b.Dir, "queue/maildrop"))
	if bad, good := settled(b.Postfix.Log, "status=sent (relayed)", "@allowed.example", 2); len(bad) > 0 || good != 2 {
		t.Errorf("%d permitted messages were relayed, and these should not have been:\n%s", good, strings.Join(bad, "\n"))
	}
	if _, home := settled(b.Postfix.Log, "status=sent (home)", "@example.com", 100); home < 100 {
		t.Errorf("%d messages were delivered locally", home)
	}
}

// allow sends a message that may be relayed.
func allow(c *client) {
	c.t.Helper()
	c.command("250", mail)
	c.command("250", "RCPT TO:<v@allowed.example>")
	c.command("354", "DATA")
	c.send("Subject: x", "", "x", ".")
	c.reply("250")
	c.command("221", "QUIT")
}

func TestNoRelayBeforeExim(t *testing.T) {
	e := startExim(t, trustful)
	ours := []string{"proxy_from: [127.0.0.1]", "recipients: [example.com]"}
	l := serveCustom(t, patient,
		world.Listener{Name: "smtp", Service: "smtp", Backend: e.SMTP, Keys: ours},
		world.Listener{Name: "smtp proxy-v1", Service: "smtp", Backend: e.SMTPBehindHeader, Keys: []string{ours[0], "handover: proxy-v1"}},
		world.Listener{Name: "smtp proxy-v2", Service: "smtp", Backend: e.SMTPBehindHeader, Keys: []string{ours[0], "handover: proxy-v2"}},
		world.Listener{Name: "submission", Service: "submission", Backend: e.SMTP, Keys: ours[:1]},
	)
	for _, at := range []entrance{
		{"smtp", false, false}, {"smtp", false, true}, {"smtp proxy-v1", false, false}, {"smtp proxy-v1", false, true},
		{"smtp proxy-v2", false, false}, {"smtp proxy-v2", false, true}, {"submission", false, true},
	} {
		t.Run(fmt.Sprintf("%s, STARTTLS %v", at.name, at.start), func(t *testing.T) {
			assail(t, l, at, at.name == "smtp")
		})
	}
	c := dial(t, fmt.Sprintf("127.0.0.1:%d", e.SMTP))
	c.reply("220")
	c.command("250", "EHLO x")
	allow(c)
	drained(t, filepath.Join(e.Dir, "spool/input"))
	if _, err := e.Mail.Await(0, world.Patience, "T=relayed", "@allowed.example"); err != nil { // the last message
		t.Fatal(err)
	}
	if bad, good := relayed(e.Mail, "T=relayed", "@allowed.example"); len(bad) > 0 || good != 1 {
		t.Errorf("%d permitted messages were relayed, and these should not have been:\n%s", good, strings.Join(bad, "\n"))
	}
	if _, home := relayed(e.Mail, "T=home", "@example.com"); home < 20 {
		t.Errorf("%d messages were delivered locally", home)
	}
}

func startExim(t *testing.T, neighbours string) *world.Exim {
	t.Helper()
	return eximOf(t, func(w *world.World) (*world.Exim, error) { return w.StartExim(neighbours) })
}

func eximOf(t *testing.T, start func(*world.World) (*world.Exim, error)) *world.Exim {
	t.Helper()
	e, err := start(needsServers(t))
	if e != nil {
		t.Cleanup(func() {
			if err := e.Stop(); err != nil {
				t.Error(err)
			}
			if text, err := os.ReadFile(filepath.Join(e.Dir, "log/panic")); err == nil {
				t.Errorf("exim's panic log:\n%s", regexp.MustCompile(`(?m)^.{200}.*$`).ReplaceAll(text, nil))
			}
		})
	}
	if err != nil {
		t.Fatal(err)
	}
	return e
}
