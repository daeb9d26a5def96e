package attacks

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/letterlock/letterlock/configs"
)

// plainChunks switches off the Received header, which would be part of the first
// chunk.
func plainChunks(w *world) { w.listener(configs.SMTP).Received = new(bool) }

// E3: the proxy and the backend agree on where each chunk ends.
func TestE3_Bdat(t *testing.T) {
	t.Parallel()
	envelope := "MAIL FROM:<a@example.org>|RCPT TO:<b@example.com>"
	for name, test := range map[string]struct {
		send    string // after the envelope, in one piece
		answers []string
		mail    []string // the chunks that the backend has received
		ran     string   // the commands that it has run after the envelope
		closed  bool
	}{
		"commands inside": {"BDAT 31 LAST\r\nRSET\r\nXCLIENT ADDR=192.0.2.66\r\nNOOP\r\n", []string{"250 .*", "250 .*"}, []string{"RSET\r\nXCLIENT ADDR=192.0.2.66\r\n"}, "BDAT 31 LAST|NOOP", false},
		"a false end":     {"BDAT 12 LAST\r\na\r\n.\r\nQUIT\r\nNOOP\r\n", []string{"250 .*", "250 .*"}, []string{"a\r\n.\r\nQUIT\r\n"}, "BDAT 12 LAST|NOOP", false},
		"nothing, last":   {"BDAT 0 LAST\r\nNOOP\r\n", []string{"250 .*", "250 .*"}, []string{""}, "BDAT 0 LAST|NOOP", false},
		"two chunks":      {"BDAT 3\r\nabcBDAT 3 LAST\r\nd\r\n", []string{"250 .*", "250 .*"}, []string{"abc", "d\r\n"}, "BDAT 3|BDAT 3 LAST", false},
		"a CRLF over two": {"BDAT 2\r\na\rBDAT 3 LAST\r\n\n.\r", []string{"250 .*", "250 .*"}, []string{"a", "\r\n.\r\n"}, "BDAT 1|BDAT 5 LAST", false},
		"mended":          {"BDAT 3\r\n\na\x00BDAT 2 LAST\r\n\r\r", []string{"250 .*", "250 .*"}, []string{"\r\na", "\r\n\r\n"}, "BDAT 3|BDAT 4 LAST", false},
		"too short":       {"BDAT 3 LAST\r\nabcXCLIENT ADDR=192.0.2.66\r\nNOOP\r\n", []string{"250 .*", "502 .*", "250 .*"}, []string{"abc"}, "BDAT 3 LAST|NOOP", false},
		"after the last":  {"BDAT 3 LAST\r\nabcBDAT 4\r\nXXXXNOOP\r\n", []string{"250 .*", "250 .*", "250 .*"}, []string{"abc", "XXXX"}, "BDAT 3 LAST|BDAT 4|NOOP", false},
		"zeros":           {"BDAT 003 LAST\r\nabcNOOP\r\n", []string{"250 .*", "250 .*"}, []string{"abc"}, "BDAT 3 LAST|NOOP", false},
		"no size":         {"BDAT\r\nNOOP\r\n", []string{"501 .*"}, nil, "", true},
		"negative":        {"BDAT -1\r\nNOOP\r\n", []string{"501 .*"}, nil, "", true},
		"signed":          {"BDAT +3\r\nabcNOOP\r\n", []string{"501 .*"}, nil, "", true},
		"hexadecimal":     {"BDAT 0x3\r\nabcNOOP\r\n", []string{"501 .*"}, nil, "", true},
		"overflow":        {"BDAT 18446744073709551619\r\nabcNOOP\r\n", []string{"501 .*"}, nil, "", true},
		"absurd":          {"BDAT 999999999999999\r\nNOOP\r\n", []string{"501 .*"}, nil, "", true},
		"first or last":   {"BDAT 3 FIRST\r\nabcNOOP\r\n", []string{"501 .*"}, nil, "", true},
		"last, twice":     {"BDAT 3 LAST LAST\r\nabcNOOP\r\n", []string{"501 .*"}, nil, "", true},
		"two blanks":      {"BDAT 3  LAST\r\nabcNOOP\r\n", []string{"250 .*", "250 .*"}, []string{"abc"}, "BDAT 3 LAST|NOOP", false},
		"bare LF":         {"BDAT 6\nNOOP\r\n", []string{"500 .*", "250 .*"}, nil, "NOOP", false},
		"a tab":           {"BDAT 3\tLAST\r\nabcNOOP\r\n", []string{"501 .*"}, nil, "", true},
	} {
		t.Run(name, func(t *testing.T) {
			w := open(t, plainChunks)
			c := w.secured(configs.SMTP)
			c.ask("EHLO client.example")
			for line := range strings.SplitSeq(envelope, "|") {
				c.want(line, "250 .*")
			}
			c.send(test.send)
			for _, answer := range test.answers {
				c.expect(answer)
			}
			if test.closed {
				c.gone()
			}
			_ = c.Close()
			w.stop()
			b := w.back[configs.SMTP]
			ran := strings.Join(b.ran()[3:], "|")
			if ran != test.ran || !slices.Equal(b.messages(), test.mail) {
				t.Errorf("the backend has run %q and accepted %q", ran, b.messages())
			}
		})
	}
}

// E3 where the backend does not offer CHUNKING: chunks are discarded, never run.
func TestE3_BdatNotOffered(t *testing.T) {
	t.Parallel()
	w := open(t, func(w *world) { w.back[configs.SMTP].offers = []string{"PIPELINING", "BINARYMIME"} })
	c := w.secured(configs.SMTP)
	if offers := strings.Join(c.ask("EHLO client.example"), "|"); strings.Contains(offers, "CHUNKING") || strings.Contains(offers, "BINARYMIME") {
		t.Errorf("offers %q", offers)
	}
	c.want("MAIL FROM:<a@example.org>", "250 .*")
	c.send("BDAT 12 LAST\r\nXCLIENT X=Y\nNOOP\r\n")
	c.expect("502 .*")
	c.expect("250 .*")
	w.noneReceived("BDAT", "XCLIENT")
}

// E3: BDAT and DATA cannot be mixed in one message; the backend refuses it.
func TestE3_BdatThenData(t *testing.T) {
	t.Parallel()
	w := open(t, plainChunks, func(w *world) {
		w.back[configs.SMTP].answer = func(line string) (string, bool) {
			return "503 5.5.1 chunks, please\r\n", line == "DATA"
		}
	})
	c := w.secured(configs.SMTP)
	c.envelope()
	c.send("BDAT 3\r\nabc")
	c.expect("250 .*")
	c.want("DATA", "503 .*")
	c.want("RSET", "250 .*")
	w.stop()
}

// E4: commands that come too early are refused, and each command has one reply,
// in order.
func TestE4_EarlyTalker(t *testing.T) {
	t.Parallel()
	each(t, []configs.Service{configs.SMTP, configs.Submission}, func(t *testing.T, service configs.Service) {
		w := openOnly(t, service)
		var c *client
		if service == configs.SMTP {
			c = w.secured(service)
		} else {
			c = w.loggedIn(service)
		}
		c.envelope()
		c.send("DATA\r\nSubject: x\r\n\r\ntext\r\n.\r\nMAIL FROM:<smuggled@example.org>\r\n")
		c.expect("554 .*")
		c.gone()
		w.noneReceived("smuggled", "Subject")
	})
	t.Run("in order", func(t *testing.T) {
		w := open(t, func(w *world) {
			w.Limits.Errors = 10000
			w.back[configs.SMTP].answer = func(line string) (string, bool) {
				return "250 2.1.5 " + line + "\r\n", strings.HasPrefix(line, "RCPT")
			}
		})
		c := w.secured(configs.SMTP)
		c.ask("EHLO client.example")
		c.want("MAIL FROM:<a@example.org>", "250 .*")
		var group strings.Builder
		for i := range 300 {
			fmt.Fprintf(&group, "RCPT TO:<%d@example.com>\r\nRCPT TO:<%d@elsewhere.example>\r\nXCLIENT\r\n", i, i)
			if i == 20 {
				group.WriteString("NOOP\r\n")
			}
		}
		go func() { _, _ = c.Write([]byte(group.String())) }()
		for i := range 300 {
			c.expect(fmt.Sprintf("250 2.1.5 RCPT TO:<%d@example.com>", i))
			c.expect("550 5.7.1 .*")
			c.expect("502 .*")
			if i == 20 {
				c.expect("250 2.0.0 legacy ok")
			}
		}
	})
	t.Run("before the greeting", func(t *testing.T) {
		w := open(t)
		c := w.dial(configs.SMTP)
		c.send("EHLO client.example\r\nNOOP\r\nSTARTTLS\r\n")
		c.expect("220 mail.*")
		for line := c.line(); !strings.HasPrefix(line, "250 "); line = c.line() {
		}
		c.expect("250 .*")
		c.expect("220 .*")
	})
}

// E5: a command line ends at CRLF. A line with another CR, LF or NUL is an error,
// and its bytes never reach the backend.
func TestE5_BareLineEnds(t *testing.T) {
	t.Parallel()
	heads := map[string][]string{
		"smtp": {"NOOP", "RSET", "EHLO a", "MAIL FROM:<a@example.org>", "VRFY a", "HELP", "QUIT", "STARTTLS"},
		"imap": {"a NOOP", "a CAPABILITY", "a LOGIN x y", "a ID NIL", "a AUTHENTICATE PLAIN"},
		"pop3": {"CAPA", "USER a", "PASS b", "AUTH PLAIN", "QUIT"},
		// ManageSieve ends the session at the first such line.
		"sieve": {"NOOP", "CAPABILITY", `AUTHENTICATE "PLAIN"`, "LOGOUT"},
	}
	each(t, all, func(t *testing.T, service configs.Service) {
		for _, head := range heads[service.Protocol()] {
			for _, odd := range []string{"\n", "\r", "\x00", "\r\r\n", "\n\r", "\x00\n"} {
				w := openOnly(t, service, func(w *world) {
					w.listener(service).DisableVRFY = new(bool)
				})
				c := w.secured(service)
				switch { // the line is correct otherwise
				case c.protocol == "smtp":
					c.ask("EHLO client.example")
				case head == "PASS b":
					c.want("USER a", `\+OK.*`)
				}
				c.send(head + odd + "x INJECTED x\r\n")
				closeWriteTLS(c)
				c.rest()
				w.noneReceived("INJECTED")
				if received := w.back[service].received(); !regular(received) {
					t.Errorf("%q after %q: the backend received %q", odd, head, received)
				}
			}
		}
	})
}

// E6: addresses and parameters pass unchanged or are refused.
func TestE6_Parameters(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a", 2000)
	for _, test := range []struct{ send, answer, passes string }{
		{`MAIL FROM:<a@example.org> AUTH=<> RET=HDRS ENVID=a+2Bb`, "250 .*", `MAIL FROM:<a@example.org> AUTH=<> RET=HDRS ENVID=a+2Bb`},
		{`MAIL FROM:<> BODY=8BITMIME SIZE=10`, "250 .*", `MAIL FROM:<> BODY=8BITMIME SIZE=10`},
		{`mail from: a@example.org`, "250 .*", `MAIL FROM:<a@example.org>`},
		{`MAIL FROM:<"a b>\" c"@example.org>`, "250 .*", `MAIL FROM:<"a b>\" c"@example.org>`},
		{"MAIL FROM:<jörg@example.org> SMTPUTF8", "250 .*", "MAIL FROM:<jörg@example.org> SMTPUTF8"},
		{"MAIL FROM:<\xf6@example.org>", "250 .*", "MAIL FROM:<\xf6@example.org>"},
		{"MAIL FROM:<a@example.org> X=" + long, "250 .*", "MAIL FROM:<a@example.org> X=" + long},
		{"MAIL FROM:<a@example.org> X=" + strings.Repeat(long, 20), "500 .*", ""},
		{"MAIL FROM:<a@example.org>RET=HDRS", "501 .*", ""},
		{"MAIL FROM:<a@example.org", "501 .*", ""},
		{"MAIL FROM:<a <b@example.org>", "501 .*", ""},
		{"MAIL FROM:<\"a\r\nRCPT TO:<x>\"@example.org>", "501 .*", ""},
		{"MAIL FROM:<\"a\nb\"@example.org>", "500 .*", ""},
		{"MAIL FROM:<a@example.org> REQUIRETLS", "555 .*", ""},
		{"MAIL FROM <a@example.org>", "501 .*", ""},
	} {
		t.Run(test.send[:min(len(test.send), 60)], func(t *testing.T) {
			w := open(t)
			c := w.secured(configs.SMTP)
			c.ask("EHLO client.example")
			c.want(test.send, test.answer)
			w.stop()
			ran := w.back[configs.SMTP].ran()
			if i := slices.Index(ran, test.passes); test.passes != "" && i < 0 || test.passes == "" && len(ran) > 1 {
				t.Errorf("the backend has run %q", ran)
			}
		})
	}
	t.Run("recipients", func(t *testing.T) {
		w := open(t)
		c := w.secured(configs.SMTP)
		c.ask("EHLO client.example")
		c.want("MAIL FROM:<a@example.org>", "250 .*")
		for _, line := range []string{
			"<x@elsewhere.example>", "<x%elsewhere.example@example.com>", "<elsewhere.example!x@example.com>", "<@example.com:x@elsewhere.example>",
			`<"x@elsewhere.example"@example.com>`, "<x@elsewhere.example@example.com>", "<x@example.com.elsewhere.example>", "<x>",
		} {
			c.want("RCPT TO:"+line+" ORCPT=rfc822;x@example.com", "550 5.7.1 .*")
		}
		c.want("RCPT TO:<b@example.com> ORCPT=rfc822;b+2Bc@example.com NOTIFY=NEVER", "250 .*")
		w.noneReceived("elsewhere")
	})
}
