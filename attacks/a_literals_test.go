package attacks

import (
	"strings"
	"testing"

	"github.com/letterlock/letterlock/configs"
	"github.com/letterlock/letterlock/internal/gate"
)

// A9: a literal that waits is not asked for in clear; what is sent anyway is
// no command.
func TestA9_LiteralInClear(t *testing.T) {
	w := open(t)
	c := w.greeted(configs.IMAP)
	c.want("a LOGIN {5}", `a NO \[PRIVACYREQUIRED\] .*`)
	c.want("alice {6}", `alice BAD .*`) // a line that no command begins
	c.say("secret\r\n")
	c.hear(`secret BAD .*|\* BAD .*`)
	c.want("b NOOP", "b OK .*")
	w.untouched()
	t.Run("with its bytes behind it", func(t *testing.T) {
		w := open(t)
		c := w.greeted(configs.IMAP)
		c.say("a LOGIN {12}\r\nb NOOP \r\n\r\n\r\nc NOOP\r\n")
		c.hear(`a NO \[PRIVACYREQUIRED\] .*`)
		if rest := c.rest(); strings.Contains(rest, "OK") {
			t.Errorf("bytes of a literal were run: %q", rest)
		}
		w.untouched()
	})
}

// A10: literals that do not wait are counted to their last byte, and their
// bytes are never commands.
func TestA10_NonSynchronisingLiteral(t *testing.T) {
	t.Run("imap", func(t *testing.T) {
		w := open(t)
		c := w.greeted(configs.IMAP)
		c.say("a LOGIN {8+}\r\nb NOOP\r\n {8+}\r\nc NOOP\r\n\r\nd NOOP\r\n")
		c.hear(`a NO \[PRIVACYREQUIRED\] .*`)
		c.hear("d OK .*")
		w.untouched()
	})
	t.Run("sieve", func(t *testing.T) {
		w := open(t)
		c := w.greeted(configs.Sieve)
		c.say("AUTHENTICATE \"PLAIN\" {12+}\r\nCAPABILITY\r\n\r\nNOOP \"after\"\r\n")
		c.hear(`NO \(ENCRYPT-NEEDED\) .*`)
		c.hear(`OK \(TAG "after"\) .*`)
		w.untouched()
	})
}

// A11: a literal cannot hide a command, nor STARTTLS itself.
func TestA11_LiteralHidesCommand(t *testing.T) {
	for service, lines := range map[configs.Service][]string{
		configs.IMAP: {
			"a NOOP {12+}\r\nb STARTTLS\r\n\r\n", "a NOOP {12}\r\nb STARTTLS\r\n\r\n", "a CAPABILITY {12+}\r\nb STARTTLS\r\n\r\n",
			"a X {12+}\r\nb STARTTLS\r\n\r\n", "a ID (\"x\" {12+}\r\nb STARTTLS\r\n\r\n", "{12+}\r\nb STARTTLS\r\n\r\n", "a STARTTLS {12+}\r\nb STARTTLS\r\n\r\n",
		},
		configs.Sieve: {"NOOP {10+}\r\nSTARTTLS\r\n\r\n", "STARTTLS {10+}\r\nSTARTTLS\r\n\r\n", "X {10+}\r\nSTARTTLS\r\n\r\n", "{10+}\r\nSTARTTLS\r\n\r\n"},
	} {
		for _, text := range lines {
			t.Run(text, func(t *testing.T) {
				w := open(t)
				c := w.greeted(service)
				c.say(text)
				c.say("z LOGOUT\r\nLOGOUT\r\n")
				rest := c.rest()
				if strings.Contains(rest, "b OK") || strings.Contains(rest, "Begin TLS") || strings.Contains(rest, "OK \"\"") {
					t.Errorf("TLS was started out of a literal: %q", rest)
				}
				w.untouched()
			})
		}
	}
}

// A12: an absurd literal is refused at once, without room being made for it or
// its bytes being waited for; the session ends.
func TestA12_LiteralBomb(t *testing.T) {
	for _, p := range corpus(t, "literals.txt") {
		t.Run(p.name, func(t *testing.T) {
			w := open(t)
			c := w.greeted(configs.Service(p.parts[0]))
			c.say(p.text())
			c.say("z NOOP\r\n")
			if rest := c.rest(); strings.Contains(rest, "OK") {
				t.Errorf("answered %q", rest)
			}
			w.untouched()
		})
		if service := configs.Service(p.parts[0]); service == configs.IMAP {
			t.Run(p.name+" in TLS", func(t *testing.T) {
				w := open(t)
				c := w.secured(service)
				c.say(p.text())
				c.say("z NOOP\r\n")
				if rest := c.rest(); strings.Contains(rest, "OK") {
					t.Errorf("answered %q", rest)
				}
				w.unheard("LOGIN", "{")
			})
		}
	}
}

// A13: an odd STARTTLS is either the command or an error, never both.
func TestA13_OddStarttls(t *testing.T) {
	for _, p := range corpus(t, "starttls.txt") {
		t.Run(p.name, func(t *testing.T) {
			w := open(t)
			c := w.greeted(configs.Service(p.parts[0]))
			c.say(p.parts[1])
			if p.parts[2] == "TLS" {
				c.hear(`220 .*|a OK .*|\+OK .*|OK .*`)
				c.handshake(nil)
				_ = c.Close()
				w.end()
				return
			}
			c.hear(p.parts[2])
			w.untouched()
		})
	}
}

// A15: a browser that was led here is shown the door: nothing that it sends is
// run or repeated.
func TestA15_HTTPInClear(t *testing.T) {
	each(t, upgrading, func(t *testing.T, service configs.Service) {
		for _, p := range corpus(t, "http.txt") {
			t.Run(p.name, func(t *testing.T) {
				w := open(t)
				c := w.greeted(service)
				c.say(p.text())
				rest := c.rest()
				if strings.Contains(rest, "script") || strings.Contains(rest, "OK") || strings.Contains(rest, "250") {
					t.Errorf("answered %q", rest)
				}
				if why := w.reasons(1)[0]; why != gate.OtherProtocol {
					t.Errorf("ended for %s", why)
				}
				w.untouched()
			})
		}
	})
}
