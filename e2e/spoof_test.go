package e2e

import (
	"strings"
	"testing"

	"github.com/letterlock/letterlock/e2e/world"
)

// forged is the address that a client claims to have; no log may contain it.
const forged = "192.0.2.66"

// spoofs holds the forged commands for each service; they are refused as unknown.
var spoofs = map[string][]string{
	"smtp": mailSpoofs, "submissions": mailSpoofs,
	"imaps": {
		`a ID ("x-originating-ip" "` + forged + `" "x-originating-port" "1")`, `b ID ("name" "e2e" "X-Originating-IP" "` + forged + `")`,
		`c ID ("x-connected-ip" "` + forged + `" "x-session-id" "spoofed" "x-forward-user" "spoofed")`, "d XCLIENT ADDR=" + forged,
	},
	"pop3s": {"XCLIENT ADDR=" + forged + " PORT=1", "xclient ADDR=" + forged, "XCLIENT SESSION=spoofed"},
	"sieve": {"XCLIENT ADDR=" + forged + " PORT=1", `XCLIENT "ADDR=` + forged + `"`},
}

var mailSpoofs = []string{
	"XCLIENT ADDR=" + forged + " PORT=1 NAME=spoofed.example", "XFORWARD ADDR=" + forged + " NAME=spoofed.example SOURCE=LOCAL",
	"xclient\tADDR=" + forged, "EHLO x", "XCLIENT LOGIN=postmaster", "RSET", "XFORWARD IDENT=" + forged,
}

// TestSpoofing sends the commands by which proxies hand over addresses, before
// TLS, inside TLS and after a login. None has an effect.
func TestSpoofing(t *testing.T) {
	b := believers(t)
	p := b.Ports
	handover := func(service string, backend int, words string, keys ...string) world.Listener {
		return world.Listener{Name: service, Service: service, Backend: backend, Keys: append(keys, "handover: "+words)}
	}
	l := serveCustom(t, "limits: {errors: 100}", handover("smtp", p.SMTP, "xclient"), handover("submissions", p.Submission, "xclient"),
		handover("imaps", p.IMAP, "imap-id"), handover("pop3s", p.POP3, "pop3-xclient"), handover("sieve", p.Sieve, "xclient"))
	who := account{"spoofer", world.BelieverPassword}

	for service, lines := range spoofs {
		t.Run(service, func(t *testing.T) {
			if service == "smtp" {
				spoofMail(t, b, l, lines)
				return
			}
			mark := b.Dovecot.Log.Mark()
			c, _ := dialFrom(t, clientAddress, l.Address(service))
			// Before the login: on a new connection, because the greeting
			// contains nothing that the commands could change.
			greeted := map[string]string{"submissions": "220", "imaps": "* OK", "pop3s": "+OK", "sieve": "OK"}[service]
			if service != "sieve" {
				c.startTLS()
			}
			c.readUntil(greeted)
			if service == "submissions" {
				c.command("250", "EHLO x")
			}
			c.spoof(service, lines)

			// After the login: the commands reach Dovecot itself.
			c, _ = dialFrom(t, clientAddress, l.Address(service))
			if !logins[service](c, who) {
				t.Fatal("no login")
			}
			if service != "pop3s" { // on which Dovecot would not reply after the login
				c.spoof(service, lines)
			}
			awaitIn(t, b.Dovecot, mark, "Login: user=<"+who.Name+">", "rip="+clientAddress)
		})
	}
	for _, server := range []*world.Process{b.Postfix, b.Dovecot} {
		for _, line := range server.Log.Since(0) {
			if strings.Contains(line, forged) || strings.Contains(line, "spoofed") {
				t.Errorf("%s has logged the forged address: %s", server.Name, line)
			}
		}
	}
}

// spoofMail sends a letter without a login, with forged commands before and
// inside TLS.
func spoofMail(t *testing.T, b *world.Believers, l *world.Letterlock, lines []string) {
	mark := b.Postfix.Log.Mark()
	c, _ := dialFrom(t, clientAddress, l.Address("smtp"))
	c.introduce()
	c.spoof("smtp", lines)
	c.secure()
	c.spoof("smtp", lines)
	c.sendLetter(foreignLetter)
	awaitIn(t, b.Postfix, mark, "client=unknown["+clientAddress+"]")
}

// spoof sends lines and reads a reply to each.
func (c *client) spoof(service string, lines []string) {
	c.t.Helper()
	for _, line := range lines {
		c.send(line)
		switch service {
		case "smtp", "submissions":
			c.reply("")
		case "imaps":
			c.readUntil(line[:2])
		default:
			c.line()
		}
	}
}
