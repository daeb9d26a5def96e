package attacks

import (
	"crypto/tls"
	"strings"
	"testing"

	"github.com/letterlock/letterlock/configs"
	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/test/wait"
	"github.com/letterlock/letterlock/internal/wire"
	"github.com/letterlock/letterlock/proxy"
)

// broken is a gate that panics in one of its steps.
type broken struct {
	proxy.Gate
	in string
}

func (b broken) panics(in string) {
	if b.in == in {
		panic("injected in " + in)
	}
}

func (b broken) Secure(front *wire.Stream) error {
	b.panics("Secure")
	return b.Gate.Secure(front)
}

func (b broken) Open(back *wire.Stream) error {
	b.panics("Open")
	return b.Gate.Open(back)
}

func (b broken) Settle(front, back *wire.Stream) error {
	b.panics("Settle")
	return b.Gate.Settle(front, back)
}

func (b broken) Refuse(front *wire.Stream, why gate.Reason) {
	b.Gate.Refuse(front, why)
	b.panics("Refuse")
}

func (b broken) Inspect([]byte) error {
	b.panics("Inspect")
	return nil
}

// breaking makes the sessions of a service panic.
func breaking(service configs.Service, change func(s *gate.Session, g proxy.Gate) proxy.Gate) func(*world) {
	return func(w *world) {
		w.prepare(service, func(l *proxy.Listener) {
			build := l.NewGate
			l.NewGate = func(s *gate.Session) proxy.Gate { return change(s, build(s)) }
		})
	}
}

// H15: a panic in any step of a gate ends its own session only. The others go
// on, its slot and connections are released, and the log has the stack.
func TestH15_PanicInAGate(t *testing.T) {
	t.Parallel()
	each(t, all, func(t *testing.T, service configs.Service) {
		steps := []string{"Secure", "Open", "Settle", "Refuse", "command"}
		for _, step := range steps {
			t.Run(step, func(t *testing.T) {
				w := open(t, breaking(service, func(s *gate.Session, g proxy.Gate) proxy.Gate {
					if step == "command" { // the login's commands, or on smtp those after EHLO
						s.AuthAllowed = func(*tls.ConnectionState) bool { panic("injected in a command") }
						s.Mail.Date = func() string { panic("injected in a command") }
					}
					return broken{g, step}
				}))
				witness := w.loggedIn(neighbour(service))
				c := w.dial(service)
				go c.provoke(service)
				wait.Until(t, "the log lacks the panic", func() bool {
					log := w.log.String()
					return strings.Contains(log, "injected in") && strings.Contains(log, "attacks.broken") || strings.Contains(log, "injected in a command")
				})
				wait.Until(t, "the session has not ended", func() bool { return w.Sessions() == 1 })
				wait.Until(t, "the backend's connection has not ended", func() bool { return w.back[service].open() == 0 })
				witness.alive()
			})
		}
	})
}

// neighbour returns another service, whose sessions are relayed.
func neighbour(service configs.Service) configs.Service {
	if service == configs.IMAPS {
		return configs.POP3S
	}
	return configs.IMAPS
}

// provoke sends the commands of a whole session, whatever the replies are.
func (c *client) provoke(service configs.Service) {
	defer func() { _ = c.socket.Close() }()
	if !service.Implicit() {
		greeted := map[string]string{"smtp": "220 .*", "imap": `\* OK .*`, "pop3": `\+OK .*`, "sieve": "OK .*"}
		if !c.until(greeted[c.protocol]) {
			return
		}
		_, _ = c.Write([]byte(starter[c.protocol] + "\r\n"))
		if !c.until(agreed[c.protocol]) {
			return
		}
	}
	t := tls.Client(c.socket, &tls.Config{ServerName: hostname, InsecureSkipVerify: true})
	if t.Handshake() != nil {
		return
	}
	if service == configs.SMTP {
		_, _ = t.Write([]byte("EHLO a\r\nMAIL FROM:<>\r\nRCPT TO:<postmaster@example.com>\r\n"))
		buffer := make([]byte, 4096)
		for seen := ""; !strings.Contains(seen, "250 2.0.0 legacy ok\r\n250 2.0.0"); {
			n, err := t.Read(buffer)
			if seen += string(buffer[:n]); err != nil {
				return
			}
		}
		_, _ = t.Write([]byte("DATA\r\n"))
		_, _ = t.Read(buffer)
		_, _ = t.Write([]byte("text\r\n.\r\nQUIT\r\n"))
	} else {
		if c.protocol == "smtp" {
			_, _ = t.Write([]byte("EHLO a\r\n"))
		}
		_, _ = t.Write([]byte(loginLine[c.protocol] + map[string]string{"smtp": "QUIT\r\n", "imap": "b LOGOUT\r\n", "pop3": "QUIT\r\n", "sieve": "LOGOUT\r\n"}[c.protocol]))
	}
	buffer := make([]byte, 4096)
	for seen := ""; !strings.Contains(seen, wordOf(c.protocol)); {
		n, err := t.Read(buffer)
		if seen += string(buffer[:n]); err != nil {
			return
		}
	}
}

// wordOf returns the beginning of the last line that a session sent.
func wordOf(protocol string) string {
	return map[string]string{"smtp": "221 ", "imap": "a OK", "pop3": "+OK welcome", "sieve": "OK \"welcome\""}[protocol]
}

// until reads lines up to one that matches.
func (c *client) until(pattern string) bool {
	for {
		line, err := c.in.ReadString('\n')
		if err != nil || matches(pattern, strings.TrimRight(line, "\r\n")) {
			return err == nil
		}
	}
}

// alive checks that a session with a login still works.
func (c *client) alive() {
	c.t.Helper()
	c.ask(harmless[c.protocol])
}

// H15: a panic in the relay ends its own session only.
func TestH15_PanicInTheRelay(t *testing.T) {
	t.Parallel()
	each(t, private[1:], func(t *testing.T, service configs.Service) {
		if service.Protocol() == "smtp" {
			return // never relayed
		}
		w := open(t, breaking(service, func(_ *gate.Session, g proxy.Gate) proxy.Gate { return broken{g, "Inspect"} }))
		witness := w.loggedIn(neighbour(service))
		c := w.loggedIn(service)
		c.send("x\r\n")
		_ = c.rest()
		wait.Until(t, "the session has not ended", func() bool { return w.Sessions() == 1 })
		wait.Until(t, "the backend's connection has not ended", func() bool { return w.back[service].open() == 0 })
		if log := w.log.String(); !strings.Contains(log, "injected in Inspect") || !strings.Contains(log, "outcome=panic") || !strings.Contains(log, "attacks.broken.Inspect") {
			t.Errorf("the log has no stack:\n%s", log)
		}
		witness.alive()
	})
}
