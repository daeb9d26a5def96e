package attacks

import (
	"crypto/tls"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/letterlock/letterlock/configs"
	"github.com/letterlock/letterlock/internal/gate"
)

// injected plays the man in the middle: it sends the command that starts TLS
// and injected bytes in one segment, then the victim's handshake begins.
func injected(t *testing.T, service configs.Service, behind string) {
	w := open(t)
	c := w.greeted(service)
	c.send(starter[c.protocol] + behind)
	clean := strings.HasPrefix(behind, "\r\n") // then STARTTLS was a valid command
	if !clean {
		c.line()
	}
	_, _ = c.socket.Write(clientHello(t))
	closeWrite(c.socket)
	rest := c.rest()
	begun := ".*(220 |a OK|[+]OK|OK \"Begin).*"
	if !clean { // the bytes after it are a command before TLS
		begun = ".*(220 |a OK|[+]OK Begin|OK \"Begin).*"
	}
	if strings.IndexByte(rest, 0x16) >= 0 || matches(begun, rest) {
		t.Errorf("TLS was begun: %q", rest)
	}
	if why := w.reasons(1)[0]; clean && why != gate.Injected {
		t.Errorf("ended for %s", why)
	}
	w.noneReceived("evil", "XCLIENT", "AUTH", "LOGIN", "USER")
	if service != configs.SMTP {
		w.untouched()
	}
}

// clientHello returns a ClientHello.
func clientHello(t testing.TB) []byte {
	t.Helper()
	ours, theirs := net.Pipe()
	defer func() { _, _ = ours.Close(), theirs.Close() }()
	go func() { _ = tls.Client(theirs, &tls.Config{ServerName: hostname}).Handshake() }()
	hello := make([]byte, 16<<10)
	n, err := ours.Read(hello)
	if err != nil {
		t.Fatal(err)
	}
	return hello[:n]
}

// B1: CVE-2011-0411. Plaintext after STARTTLS ends the session.
func TestB1_CommandInjection(t *testing.T) {
	t.Parallel()
	each(t, upgrading, func(t *testing.T, service configs.Service) {
		for _, p := range corpus(t, "injections.txt") {
			if strings.HasPrefix(p.text(), "\r\n") {
				t.Run(p.name, func(t *testing.T) { injected(t, service, p.text()) })
			}
		}
	})
}

// B2: the same with bare CR and LF, which lenient servers accept as line ends.
func TestB2_InjectionBareLineEnds(t *testing.T) {
	t.Parallel()
	each(t, upgrading, func(t *testing.T, service configs.Service) {
		for _, p := range corpus(t, "injections.txt") {
			if !strings.HasPrefix(p.text(), "\r\n") {
				t.Run(p.name, func(t *testing.T) { injected(t, service, p.text()) })
			}
		}
	})
}

// B3: plaintext after the reply to STARTTLS is read as part of the handshake,
// which fails.
func TestB3_LateInjection(t *testing.T) {
	t.Parallel()
	each(t, upgrading, func(t *testing.T, service configs.Service) {
		for _, late := range []string{harmless[service.Protocol()] + "\r\n", "\n", "\x00", "AUTH PLAIN x\r\nLOGIN x x\r\n"} {
			w := openOnly(t, service)
			c := w.greeted(service)
			c.want(starter[c.protocol], agreed[c.protocol])
			c.send(late)
			_, _ = c.socket.Write(clientHello(t))
			if said := c.ended(); said != "" {
				t.Errorf("%q is answered %q", late, said)
			}
			if why := w.reasons(1)[0]; why != gate.HandshakeFailed {
				t.Errorf("ended for %s", why)
			}
			w.untouched()
		}
	})
}

// B4: the injected prefix would turn the victim's login into the text of the
// attacker's message. The corpus does it with AUTH, MAIL, RCPT, DATA and with
// LOGIN, APPEND.
func TestB4_VictimCapture(t *testing.T) {
	t.Parallel()
	for service, prefix := range map[configs.Service]string{
		configs.SMTP:       "EHLO evil\r\nMAIL FROM:<evil@example.org>\r\nRCPT TO:<evil@example.com>\r\nDATA\r\n",
		configs.Submission: "EHLO evil\r\nAUTH PLAIN AGV2aWwAZXZpbA==\r\nMAIL FROM:<evil@example.org>\r\nRCPT TO:<evil@example.com>\r\nDATA\r\n",
		configs.IMAP:       "b LOGIN evil evil\r\nc APPEND INBOX {200+}\r\n",
		configs.POP3:       "USER evil\r\nPASS evil\r\n",
		configs.Sieve:      "AUTHENTICATE \"PLAIN\" \"AGV2aWwAZXZpbA==\"\r\nPUTSCRIPT \"evil\" {200+}\r\n",
	} {
		t.Run(string(service)+" after STARTTLS", func(t *testing.T) { injected(t, service, "\r\n"+prefix) })
		t.Run(string(service)+" after the reply", func(t *testing.T) {
			w := open(t)
			c := w.greeted(service)
			c.want(starter[c.protocol], agreed[c.protocol])
			c.send(prefix)
			if _, err := c.tryHandshake(nil); err == nil {
				t.Error("the victim's handshake has succeeded")
			}
			w.untouched()
		})
	}
}

// B5: STARTTLS ends a group of pipelined commands (RFC 3207 §4): the commands
// before it are answered, bytes after it end the session.
func TestB5_PipelinedStarttls(t *testing.T) {
	t.Parallel()
	each(t, []configs.Service{configs.SMTP, configs.Submission}, func(t *testing.T, service configs.Service) {
		w := openOnly(t, service)
		for _, before := range []string{"NOOP", "EHLO client.example", "HELO client.example", "RSET", "NOOP\r\nNOOP", "EHLO client.example\r\nRSET"} {
			group := strings.Split(before, "\r\n")
			c := w.greeted(service)
			c.send(before + "\r\nSTARTTLS\r\n")
			for _, line := range group {
				c.answer(line)
			}
			c.expect("220 .*")
			c.handshake(nil)
			_ = c.Close()
			for _, behind := range []string{"EHLO evil", "NOOP evil", "RSET", ""} {
				c = w.greeted(service)
				c.send(before + "\r\nSTARTTLS\r\n" + behind + "\r\n")
				for _, line := range group {
					c.answer(line)
				}
				c.expect("554 .*")
				c.gone()
			}
		}
		w.noneReceived("evil")
	})
}

// B6: a ClientHello in the same segment as STARTTLS was sent before the reply.
// No honest client does that, and the ClientHello is not read.
func TestB6_EarlyClientHello(t *testing.T) {
	t.Parallel()
	each(t, upgrading, func(t *testing.T, service configs.Service) {
		injected(t, service, "\r\n"+string(clientHello(t)))
	})
}

// B7: the proxy sends nothing between the reply to STARTTLS and the handshake,
// and repeats nothing from before TLS inside TLS.
func TestB7_BufferedResponse(t *testing.T) {
	t.Parallel()
	each(t, upgrading, func(t *testing.T, service configs.Service) {
		w := openOnly(t, service)
		c := w.greeted(service)
		c.ask(harmless[c.protocol])
		c.want(starter[c.protocol], agreed[c.protocol])
		c.send(string(clientHello(t)))
		if b, err := c.in.ReadByte(); err != nil || b != 0x16 {
			t.Errorf("the first byte after the reply is %#x, %v", b, err)
		}
		_ = c.Close()

		c = w.greeted(service)
		c.upgrade(nil)
		if service == configs.Sieve { // RFC 5804 §2.2
			c.greeting()
		}
		c.unmistakable()
	})
}

// unmistakable sends a command whose reply cannot be confused with a greeting,
// and expects that reply.
func (c *client) unmistakable() {
	c.t.Helper()
	said := map[string][2]string{
		"smtp": {"HELP", "214 .*"}, "imap": {"n NOOP", "n OK .*"}, "pop3": {"CAPA", `\+OK Capability.*`}, "sieve": {`NOOP "mark"`, `OK \(TAG "mark"\).*`},
	}[c.protocol]
	if answer := c.ask(said[0]); !matches(said[1], answer[0]) {
		c.t.Errorf("%q is answered %q", said[0], answer)
	}
}

// B8: STARTTLS inside TLS is refused.
func TestB8_SecondStarttls(t *testing.T) {
	t.Parallel()
	each(t, all, func(t *testing.T, service configs.Service) {
		w := openOnly(t, service)
		c := w.secured(service)
		if offered := strings.Join(c.ask(lists[c.protocol]), "|"); strings.Contains(offered, "STARTTLS") || strings.Contains(offered, "STLS") {
			t.Errorf("offers %q", offered)
		}
		c.want(starter[c.protocol], "503 .*|a BAD .*|-ERR .*|NO .*")
		c.ask(harmless[c.protocol]) // the conversation goes on
		_ = c.Close()
		w.stop()
		for _, line := range w.back[service].ran() {
			if strings.Contains(line, "STARTTLS") || strings.Contains(line, "STLS") {
				t.Errorf("the backend received %q", line)
			}
		}
	})
}

// lists holds the commands that list capabilities.
var lists = map[string]string{"smtp": "EHLO client.example", "imap": "c CAPABILITY", "pop3": "CAPA", "sieve": "CAPABILITY"}

// B9: a STARTTLS that the backend offers is hidden from the client, and a
// client's STARTTLS never reaches the backend.
func TestB9_LeakedStarttls(t *testing.T) {
	t.Parallel()
	each(t, all, func(t *testing.T, service configs.Service) {
		w := openOnly(t, service)
		c, said := w.welcomed(service)
		said = append(said, c.ask(lists[c.protocol])...)
		c.ask(starter[c.protocol]) // must not reach the backend
		for _, word := range []string{"STARTTLS", "STLS", "LOGINDISABLED"} {
			if strings.Contains(strings.Join(said, "|"), word) {
				t.Errorf("%s shows: %q", word, said)
			}
		}
		w.noneReceived("STARTTLS", "STLS")
	})
}

// B10: a failed handshake ends the connection; nothing follows in plaintext.
func TestB10_FailedHandshake(t *testing.T) {
	t.Parallel()
	hello := clientHello(t)
	attempts := map[string]func(*client){
		"garbage":            func(c *client) { c.send(strings.Repeat("garbage\r\n", 10)) },
		"an alert":           func(c *client) { c.send("\x15\x03\x01\x00\x02\x02\x28") },
		"half a hello":       func(c *client) { c.send(string(hello[:len(hello)/2]) + "\r\n" + harmless[c.protocol] + "\r\n") },
		"silence":            func(*client) {},
		"half close":         func(c *client) { closeWrite(c.socket) },
		"a hello, plaintext": func(c *client) { c.send(string(hello) + harmless[c.protocol] + "\r\n") },
	}
	each(t, upgrading, func(t *testing.T, service configs.Service) {
		for name, attempt := range attempts {
			t.Run(name, func(t *testing.T) {
				w := openOnly(t, service, func(w *world) { w.Timeouts.Handshake = 150 * time.Millisecond })
				c := w.greeted(service)
				c.want(starter[c.protocol], agreed[c.protocol])
				attempt(c)
				if said := c.ended(); said != "" {
					t.Errorf("in plaintext: %q", said)
				}
				if why := w.reasons(1)[0]; why != gate.HandshakeFailed {
					t.Errorf("ended for %s", why)
				}
				w.untouched()
			})
		}
		t.Run("reset", func(t *testing.T) {
			w := openOnly(t, service)
			c := w.greeted(service)
			c.want(starter[c.protocol], agreed[c.protocol])
			_ = c.socket.(*net.TCPConn).SetLinger(0)
			_ = c.socket.Close()
			w.reasons(1)
			w.untouched()
		})
	})
}

// envelope begins a message on port 25.
func (c *client) envelope() {
	c.t.Helper()
	c.ask("EHLO client.example")
	c.want("MAIL FROM:<a@example.org>", "250 .*")
	c.want("RCPT TO:<b@example.com>", "250 .*")
}
