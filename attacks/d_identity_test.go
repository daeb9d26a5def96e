package attacks

import (
	"strings"
	"testing"

	"github.com/letterlock/letterlock/configs"
)

// forged fails the test if the backend has run a command that only a proxy may
// send.
func (b *backend) forged(t *testing.T) {
	t.Helper()
	for _, line := range b.ran() {
		verb, _, _ := strings.Cut(strings.ToUpper(strings.TrimSpace(line)), " ")
		switch verb {
		case "XCLIENT", "XFORWARD", "XCONNECT", "XLOGIN", "ETRN", "TURN", "ATRN", "BURL", "XEXCH50":
			t.Errorf("the backend has run %q", line)
		}
	}
}

// trusted sends each payload of the corpus to a service of SMTP, from a client
// that start has brought into a state.
func trusted(t *testing.T, service configs.Service, start func(*world, configs.Service) *client) {
	for _, p := range corpus(t, "trusted.txt") {
		t.Run(p.name, func(t *testing.T) {
			w := open(t)
			c := start(w, service)
			offers := strings.Join(c.ask("EHLO client.example"), "|")
			if strings.Contains(offers, "XCLIENT") || strings.Contains(offers, "XFORWARD") {
				t.Errorf("offers %q", offers)
			}
			c.send(p.text())
			closeWriteTLS(c)
			if said := c.rest(); matches(`(.*\n)?220 .*`, said) {
				t.Errorf("answered %q", said)
			}
			w.stop()
			w.back[service].forged(t)
		})
	}
}

// D1: the backend would accept XCLIENT and become an open relay. No form of the
// command reaches the backend.
func TestD1_XclientToPostfix(t *testing.T) {
	t.Parallel()
	t.Run("in TLS", func(t *testing.T) { trusted(t, configs.SMTP, (*world).secured) })
	t.Run("before TLS", func(t *testing.T) { trusted(t, configs.SMTP, (*world).greeted) })
}

// D2: the same after a login.
func TestD2_XclientToSubmission(t *testing.T) {
	t.Parallel()
	each(t, []configs.Service{configs.Submission, configs.Submissions}, func(t *testing.T, service configs.Service) {
		t.Run("after the login", func(t *testing.T) { trusted(t, service, (*world).loggedIn) })
		t.Run("before the login", func(t *testing.T) { trusted(t, service, (*world).secured) })
		t.Run("the reply", func(t *testing.T) {
			w := openOnly(t, service)
			c := w.secured(service)
			c.ask("EHLO client.example")
			c.want("XCLIENT ADDR=192.0.2.69 LOGIN=alice", "502 .*")
			c.want("MAIL FROM:<a@example.org>", "530 .*")
			w.stop()
			w.back[service].forged(t)
		})
	})
}

// D3: Dovecot offers XCLIENT in its greeting.
func TestD3_XclientToPOP3(t *testing.T) {
	t.Parallel()
	each(t, []configs.Service{configs.POP3, configs.POP3S}, func(t *testing.T, service configs.Service) {
		w := openOnly(t, service)
		c := w.dial(service)
		if service.Implicit() {
			c.handshake(nil)
			if greeting := c.line(); strings.Contains(greeting, "XCLIENT") || strings.Contains(greeting, "legacy.internal ") {
				t.Errorf("greets %q", greeting)
			}
		} else {
			c.greeting()
			c.upgrade(nil)
		}
		if list := strings.Join(c.ask("CAPA"), "|"); strings.Contains(list, "XCLIENT") {
			t.Errorf("offers %q", list)
		}
		for _, line := range []string{"XCLIENT ADDR=192.0.2.67 PORT=1", "xclient ADDR=192.0.2.67", " XCLIENT ADDR=192.0.2.67"} {
			c.want(line, "-ERR .*")
		}
		c.send("USER x\nXCLIENT ADDR=192.0.2.67\r\n")
		c.expect("-ERR .*")
		c.expect("-ERR .*")
		c.want("USER a\rXCLIENT ADDR=192.0.2.67", "-ERR .*")
		w.stop()
		w.back[service].forged(t)
	})
}

// D4: Dovecot's ManageSieve offers XCLIENT among its capabilities.
func TestD4_XclientToSieve(t *testing.T) {
	t.Parallel()
	w := open(t)
	c := w.secured(configs.Sieve)
	if list := strings.Join(c.ask("CAPABILITY"), "|"); strings.Contains(list, "XCLIENT") {
		t.Errorf("offers %q", list)
	}
	for _, line := range []string{"XCLIENT ADDR=192.0.2.68 PORT=1", "xclient ADDR=192.0.2.68", `"XCLIENT" ADDR=192.0.2.68`} {
		c.want(line, "NO .*")
	}
	c.send("NOOP {25+}\r\nXCLIENT ADDR=192.0.2.68\r\n\r\n")
	c.expect("NO .*")
	c.want(`AUTHENTICATE "PLAIN" "`+plain("a\r\nXCLIENT ADDR=192.0.2.68", "x")+`"`, "(OK|NO) .*")
	w.stop()
	w.back[configs.Sieve].forged(t)
}

// D5: the fields of ID by which a proxy hands the client's address over to
// Dovecot never pass from a client, in any form.
func TestD5_IDSpoofing(t *testing.T) {
	t.Parallel()
	each(t, []configs.Service{configs.IMAP, configs.IMAPS}, func(t *testing.T, service configs.Service) {
		for _, p := range corpus(t, "id.txt") {
			for _, lost := range []bool{false, true} { // the backend counts literals, or runs their content
				t.Run(p.name, func(t *testing.T) {
					w := openOnly(t, service, func(w *world) { w.back[service].lost = lost })
					c := w.secured(service)
					c.send("a " + p.text())
					closeWriteTLS(c)
					c.rest()
					w.stop()
					for _, line := range w.back[service].ran() {
						if name, ok := forgedField(line); ok {
							t.Errorf("the backend has read %s in %q", name, line)
						}
					}
				})
			}
		}
	})
	t.Run("an honest ID", func(t *testing.T) {
		w := open(t)
		c := w.secured(configs.IMAP)
		c.want(`a ID ("name" "honest" "x-originating-ip" "192.0.2.66" "version" {3+}`+"\r\n1.0)", "a OK .*")
		w.stop()
		if received := w.back[configs.IMAP].received(); !strings.Contains(received, `ID ("name" "honest" "version" "1.0")`) {
			t.Errorf("the backend received %q", received)
		}
	})
}

// forgedField reads a line as a backend does: the names are the quoted strings
// at even positions, without escapes.
func forgedField(line string) (string, bool) {
	upper := strings.ToUpper(line)
	if !strings.Contains(upper, " ID ") {
		return "", false
	}
	for i, text := range quoted(line) {
		name := strings.ToLower(strings.TrimSpace(text))
		for _, prefix := range []string{"x-", "originating", "connected", "forward"} {
			if i%2 == 0 && strings.HasPrefix(name, prefix) {
				return text, true
			}
		}
	}
	return "", false
}

// quoted returns the quoted strings of a line.
func quoted(line string) []string {
	var all []string
	for i := 0; i < len(line); i++ {
		if line[i] != '"' {
			continue
		}
		var text strings.Builder
		for i++; i < len(line) && line[i] != '"'; i++ {
			if line[i] == '\\' && i+1 < len(line) {
				i++
			}
			text.WriteByte(line[i])
		}
		all = append(all, text.String())
	}
	return all
}

// closeWriteTLS closes the client's half of a TLS connection; it still reads.
func closeWriteTLS(c *client) {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
	}
}
