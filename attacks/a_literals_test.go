package attacks

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/letterlock/letterlock/configs"
	"github.com/letterlock/letterlock/internal/gate"
)

// A9: before TLS no continuation invites a literal, and a literal that was sent
// anyway is not run as a command.
func TestA9_LiteralBeforeTLS(t *testing.T) {
	t.Parallel()
	w := open(t)
	c := w.greeted(configs.IMAP)
	c.want("a LOGIN {5}", `a NO \[PRIVACYREQUIRED\] .*`)
	c.want("alice {6}", `alice BAD .*`) // a tag without a command
	c.send("secret\r\n")
	c.expect(`secret BAD .*|\* BAD .*`)
	c.want("b NOOP", "b OK .*")
	w.untouched()
	t.Run("followed by its bytes", func(t *testing.T) {
		w := open(t)
		c := w.greeted(configs.IMAP)
		c.send("a LOGIN {12}\r\nb NOOP \r\n\r\n\r\nc NOOP\r\n")
		c.expect(`a NO \[PRIVACYREQUIRED\] .*`)
		if rest := c.rest(); strings.Contains(rest, "OK") {
			t.Errorf("bytes of a literal were run as commands: %q", rest)
		}
		w.untouched()
	})
}

// A10: a non-synchronising literal is read to its last byte, and its bytes are
// never run as commands.
func TestA10_NonSynchronisingLiteral(t *testing.T) {
	t.Parallel()
	t.Run("imap", func(t *testing.T) {
		w := open(t)
		c := w.greeted(configs.IMAP)
		c.send("a LOGIN {8+}\r\nb NOOP\r\n {8+}\r\nc NOOP\r\n\r\nd NOOP\r\n")
		c.expect(`a NO \[PRIVACYREQUIRED\] .*`)
		c.expect("d OK .*")
		w.untouched()
	})
	t.Run("sieve", func(t *testing.T) {
		w := open(t)
		c := w.greeted(configs.Sieve)
		c.send("AUTHENTICATE \"PLAIN\" {12+}\r\nCAPABILITY\r\n\r\nNOOP \"after\"\r\n")
		c.expect(`NO \(ENCRYPT-NEEDED\) .*`)
		c.expect(`OK \(TAG "after"\) .*`)
		w.untouched()
	})
}

// A11: a literal cannot hide a command, not even STARTTLS, however it is split
// into segments. A synchronising literal is never invited with "+", so the
// bytes after its line are read as a command.
func TestA11_LiteralHidesCommand(t *testing.T) {
	t.Parallel()
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

// hidden sends the pieces in separate segments and checks that TLS is not
// started.
func hidden(t *testing.T, service configs.Service, pieces []string) {
	w := open(t)
	c := w.greeted(service)
	for i, piece := range pieces {
		if i > 0 {
			time.Sleep(20 * time.Millisecond) // so that they usually arrive in separate segments; the result is the same for one
		}
		_, _ = c.Write([]byte(piece)) // the connection may have ended
	}
	closeWrite(c.socket)
	if rest := c.rest(); matches(`.*(b OK|Begin TLS|OK "Begin).*`, rest) {
		t.Errorf("TLS was started out of a literal: %q", rest)
	}
	w.untouched()
}

// A12: a literal beyond the limit ends the session at once: no memory is
// allocated for it, and its bytes are not waited for.
func TestA12_LiteralBomb(t *testing.T) {
	t.Parallel()
	bomb := func(t *testing.T, p payload, start func(*world, configs.Service) *client) {
		w := open(t)
		c := start(w, configs.Service(p.parts[0]))
		c.send(p.text())
		if rest := c.rest(); strings.Contains(rest, "OK") {
			t.Errorf("answered %q", rest)
		}
		if why := w.reasons(1)[0]; why != gate.LineTooLong && why != gate.Desynchronised {
			t.Errorf("ended for %s", why)
		}
		w.noneReceived("LOGIN ", "AUTHENTICATE", "{")
	}
	for _, p := range corpus(t, "literals.txt") {
		t.Run(p.name, func(t *testing.T) { bomb(t, p, (*world).greeted) })
		t.Run(p.name+" in TLS", func(t *testing.T) { bomb(t, p, (*world).secured) })
	}
}

// A13: a malformed STARTTLS is either the command or an error, never both.
func TestA13_OddStarttls(t *testing.T) {
	t.Parallel()
	for _, p := range corpus(t, "starttls.txt") {
		t.Run(p.name, func(t *testing.T) {
			w := open(t)
			c := w.greeted(configs.Service(p.parts[0]))
			if said := []byte(p.parts[1]); len(said) < 64<<10 {
				c.send(p.parts[1])
			} else { // the reply comes before the end of the line, and the rest is not read
				go func() { _, _ = c.Write(said) }()
			}
			if p.parts[2] == "TLS" {
				c.expect(`220 .*|a OK .*|\+OK .*|OK .*`)
				c.handshake(nil)
				_ = c.Close()
				w.stop()
				return
			}
			c.expect(p.parts[2])
			w.untouched()
		})
	}
}

// A15: an HTTP request ends the session, at its first bytes or in place of a
// later command. Nothing in it is run or echoed.
func TestA15_HTTPBeforeTLS(t *testing.T) {
	t.Parallel()
	each(t, upgrading, func(t *testing.T, service configs.Service) {
		for _, p := range corpus(t, "http.txt") {
			for _, later := range []bool{false, true} {
				t.Run(p.name, func(t *testing.T) {
					w := openOnly(t, service)
					c := w.greeted(service)
					if later {
						c.ask(harmless[c.protocol])
					}
					c.send(p.text())
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
