// A mailbox can be read byte for byte by each client, over imap with STARTTLS,
// imaps, pop3 with STLS and pop3s.

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func TestRead(t *testing.T) {
	imap, imaps, pop3, pop3s := localhost(t, "imap"), localhost(t, "imaps"), localhost(t, "pop3"), localhost(t, "pop3s")
	cases := []struct {
		name string
		read func(t *testing.T, a account) string
	}{
		{"curl, IMAP", func(t *testing.T, a account) string { return curlRead(t, a, "imap://"+imap+"/INBOX;MAILINDEX=1") }},
		{"curl, IMAPS", func(t *testing.T, a account) string { return curlRead(t, a, "imaps://"+imaps+"/INBOX;MAILINDEX=1") }},
		{"curl, POP3", func(t *testing.T, a account) string { return curlRead(t, a, "pop3://"+pop3+"/1") }},
		{"curl, POP3S", func(t *testing.T, a account) string { return curlRead(t, a, "pop3s://"+pop3s+"/1") }},
		{"imaplib", func(t *testing.T, a account) string {
			return python(t, "", "read_imap.py", port(t, imap), "starttls", a.Name, a.Password)
		}},
		{"imaplib, IMAPS", func(t *testing.T, a account) string {
			return python(t, "", "read_imap.py", port(t, imaps), "tls", a.Name, a.Password)
		}},
		{"poplib", func(t *testing.T, a account) string {
			return python(t, "", "read_pop3.py", port(t, pop3), "starttls", a.Name, a.Password)
		}},
		{"poplib, POP3S", func(t *testing.T, a account) string {
			return python(t, "", "read_pop3.py", port(t, pop3s), "tls", a.Name, a.Password)
		}},
		{"mbsync", func(t *testing.T, a account) string { return mbsync(t, a, port(t, imap), "STARTTLS") }},
		{"mbsync, IMAPS", func(t *testing.T, a account) string { return mbsync(t, a, port(t, imaps), "IMAPS") }},
		{"fetchmail, IMAP", func(t *testing.T, a account) string { return fetchmail(t, a, "imap", port(t, imap), `sslproto "auto"`) }},
		{"fetchmail, IMAPS", func(t *testing.T, a account) string { return fetchmail(t, a, "imap", port(t, imaps), "ssl") }},
		{"fetchmail, POP3", func(t *testing.T, a account) string { return fetchmail(t, a, "pop3", port(t, pop3), `sslproto "auto"`) }},
		{"fetchmail, POP3S", func(t *testing.T, a account) string { return fetchmail(t, a, "pop3", port(t, pop3s), "ssl") }},
		{"openssl, IMAP", func(t *testing.T, a account) string { return readIMAP(openssl(t, "imap", imap), a) }},
		{"openssl, POP3", func(t *testing.T, a account) string { return readPOP3(openssl(t, "pop3", pop3), a) }},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			a := newAccount(t)
			l := put(t, a, body)
			l.sameAs(t, []byte(c.read(t, a)))
		})
	}
}

func curlRead(t *testing.T, a account, url string) string {
	t.Helper()
	return run(t, "curl", "--silent", "--show-error", "--ssl-reqd", "--cacert", shared.caFile, "--user", a.Name+":"+a.Password, url)
}

// mbsync copies the inbox, and returns the message in it.
func mbsync(t *testing.T, a account, port, tls string) string {
	t.Helper()
	copied := t.TempDir()
	settings := write(t, fmt.Sprintf(`IMAPAccount letterlock
Host localhost
Port %s
User %s
PassCmd "cat %s"
SSLType %s
CertificateFile %s

IMAPStore far
Account letterlock

MaildirStore near
Path %s/
Inbox %s/INBOX

Channel mail
Far :far:
Near :near:
Create Near
SyncState *
`, port, a.Name, write(t, a.Password), tls, shared.caFile, copied, copied))
	run(t, "mbsync", "--config", settings, "mail")
	files, err := filepath.Glob(copied + "/INBOX/[nc]*/*")
	if err != nil || len(files) != 1 {
		t.Fatalf("mbsync has copied %q (%v), want one message", files, err)
	}
	text, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	return tuid.ReplaceAllString(string(text), "")
}

// tuid is a header that mbsync adds to recognise its copies.
var tuid = regexp.MustCompile(`(?m)^X-TUID: .*\n`)

// fetchmail fetches the messages, and deletes them from the mailbox as it does
// by default.
func fetchmail(t *testing.T, a account, protocol, port, tls string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "fetched")
	settings := write(t, fmt.Sprintf(`set invisible
poll localhost service %s protocol %s timeout 60
  username %q password %q %s sslcertck sslcertfile %q
  no rewrite mda "cat >>%s"
`, port, protocol, a.Name, a.Password, tls, shared.caFile, file))
	run(t, "fetchmail", "--fetchmailrc", settings, "--nodetach")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func readIMAP(c *client, a account) string {
	c.t.Helper()
	c.send("1 LOGIN " + a.Name + " " + a.Password)
	c.readUntil("1 OK")
	c.send("2 EXAMINE INBOX", "3 FETCH * BODY.PEEK[]") // the last message is the newest
	c.readUntil("2 OK")
	text := c.readUntil(")")
	c.expect("3 OK")
	c.send("4 LOGOUT")
	c.expect("* BYE")
	c.expect("4 OK")
	_, text, _ = strings.Cut(text, "\n") // * 1 FETCH (BODY[] {n}
	return strings.TrimSuffix(text, ")")
}

func readPOP3(c *client, a account) string {
	c.t.Helper()
	c.send("USER " + a.Name)
	c.expect("+OK")
	c.send("PASS " + a.Password)
	c.expect("+OK")
	c.send("RETR 1")
	c.expect("+OK")
	var text strings.Builder
	for line := c.line(); line != "."; line = c.line() {
		text.WriteString(strings.TrimPrefix(line, ".") + "\n")
	}
	c.send("QUIT")
	c.expect("+OK")
	return text.String()
}

// TestOddPassword checks that a password with special characters arrives
// unchanged.
func TestOddPassword(t *testing.T) {
	a := nextAccount(t, "odd")
	l := put(t, a, body)
	imaps, pop3s := localhost(t, "imaps"), localhost(t, "pop3s")
	t.Run("curl, AUTHENTICATE PLAIN", func(t *testing.T) {
		l.sameAs(t, []byte(curlRead(t, a, "imaps://"+imaps+"/INBOX;MAILINDEX=1")))
	})
	t.Run("poplib, PASS", func(t *testing.T) {
		c := dialTLS(t, pop3s)
		c.expect("+OK")
		l.sameAs(t, []byte(readPOP3(c, a)))
	})
	t.Run("mbsync", func(t *testing.T) { l.sameAs(t, []byte(mbsync(t, a, port(t, imaps), "IMAPS"))) })
	t.Run("quoted string", func(t *testing.T) {
		c := dialTLS(t, imaps)
		c.expect("* OK")
		quoted := strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(a.Password)
		c.send("1 LOGIN " + a.Name + ` "` + quoted + `"`)
		c.readUntil("1 OK")
	})
	t.Run("submission", func(t *testing.T) {
		l := newLetter(a, body)
		swaks(t, localhost(t, "submission"), l, a, "--tls", "--auth", "LOGIN")
		l.arrives(t)
	})
}
