package attacks

import (
	"fmt"
	"strings"
	"testing"
	"time"

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

// A11: a literal cannot hide a command, nor STARTTLS itself, in whatever pieces
// it comes. One that waits for a "+", which it never gets, hides nothing: what
// is sent then is a command.
func TestA11_LiteralHidesCommand(t *testing.T) {
	for service, hiding := range map[configs.Service]struct {
		command string
		heads   []string
	}{
		configs.IMAP: {"b STARTTLS\r\n", []string{
			"a NOOP {%d+}", "a CAPABILITY {%d+}", "a X {%d+}", "a ID (\"x\" {%d+}", "{%d+}", "a STARTTLS {%d+}", "a LOGIN {%d+}", "a AUTHENTICATE {%d+}",
		}},
		configs.Sieve: {"STARTTLS\r\n", []string{
			"NOOP {%d+}", "STARTTLS {%d+}", "X {%d+}", "{%d+}", "AUTHENTICATE \"PLAIN\" {%d+}", "CAPABILITY {%d+}",
		}},
	} {
		for _, literal := range []string{hiding.command, "x\r\n" + hiding.command} {
			for _, head := range hiding.heads {
				head = fmt.Sprintf(head, len(literal)) + "\r\n"
				for _, pieces := range [][]string{{head + literal}, {head + literal + "\r\n"}, {head, literal}, {head, literal, "\r\n"}} {
					t.Run(fmt.Sprintf("%q", pieces), func(t *testing.T) { hidden(t, service, pieces) })
				}
			}
		}
	}
	for _, head := range []string{"a NOOP {12}\r\n", "a X {12}\r\n", "a STARTTLS {12}\r\n"} {
		t.Run(head+" in one piece", func(t *testing.T) { hidden(t, configs.IMAP, []string{head + "b STARTTLS\r\n"}) })
	}
}

// hidden says pieces, each when the one before it has arrived, and wants TLS
// not to be started.
func hidden(t *testing.T, service configs.Service, pieces []string) {
	w := open(t)
	c := w.greeted(service)
	for i, piece := range pieces {
		if i > 0 {
			time.Sleep(20 * time.Millisecond) // so that they are hardly one; right is the same for both
		}
		_, _ = c.Write([]byte(piece)) // the connection may have ended
	}
	closeWrite(c.socket)
	if rest := c.rest(); matches(`.*(b OK|Begin TLS|OK "Begin).*`, rest) {
		t.Errorf("TLS was started out of a literal: %q", rest)
	}
	w.untouched()
}

// A12: an absurd literal is refused at once, without room being made for it or
// its bytes being waited for; the session ends.
func TestA12_LiteralBomb(t *testing.T) {
	bomb := func(t *testing.T, p payload, begin func(*world, configs.Service) *client) {
		w := open(t)
		c := begin(w, configs.Service(p.parts[0]))
		c.say(p.text())
		if rest := c.rest(); strings.Contains(rest, "OK") {
			t.Errorf("answered %q", rest)
		}
		if why := w.reasons(1)[0]; why != gate.LineTooLong && why != gate.Desynchronised {
			t.Errorf("ended for %s", why)
		}
		w.unheard("LOGIN ", "AUTHENTICATE", "{")
	}
	for _, p := range corpus(t, "literals.txt") {
		t.Run(p.name, func(t *testing.T) { bomb(t, p, (*world).greeted) })
		t.Run(p.name+" in TLS", func(t *testing.T) { bomb(t, p, (*world).secured) })
	}
}

// A13: an odd STARTTLS is either the command or an error, never both.
func TestA13_OddStarttls(t *testing.T) {
	for _, p := range corpus(t, "starttls.txt") {
		t.Run(p.name, func(t *testing.T) {
			w := open(t)
			c := w.greeted(configs.Service(p.parts[0]))
			if said := []byte(p.parts[1]); len(said) < 64<<10 {
				c.say(p.parts[1])
			} else { // it is answered before its end, and nobody reads the rest
				go func() { _, _ = c.Write(said) }()
			}
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

// A15: a browser that was led here is shown the door, at its first bytes or in
// the place of a later command: nothing that it sends is run or repeated.
func TestA15_HTTPInClear(t *testing.T) {
	each(t, upgrading, func(t *testing.T, service configs.Service) {
		for _, p := range corpus(t, "http.txt") {
			for _, later := range []bool{false, true} {
				t.Run(p.name, func(t *testing.T) {
					w := open(t)
					c := w.greeted(service)
					if later {
						c.ask(harmless[c.protocol])
					}
					c.say(p.text())
					rest := c.rest()
					if strings.Contains(rest, "script") || agrees(rest) {
						t.Errorf("answered %q", rest)
					}
					if why := w.reasons(1)[0]; why != gate.OtherProtocol {
						t.Errorf("ended for %s", why)
					}
					w.untouched()
				})
			}
		}
	})
}
