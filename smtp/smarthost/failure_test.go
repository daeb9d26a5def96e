package smarthost_test

import (
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// TestServersThatFail checks that each failure of a server leaves the message
// with the client: there is no positive reply without the server's.
func TestServersThatFail(t *testing.T) {
	const hello = "250 mx"
	for name, tt := range map[string]struct {
		script    []string
		rcpt, end string
	}{
		"nothing said":         {[]string{""}, "451 4.4.2 Lost connection", ""},
		"no greeting":          {[]string{"hello"}, "451 4.4.2 Lost connection", ""},
		"a refusal for ever":   {[]string{"554 5.7.1 not you"}, "451 4.4.0 Host", ""},
		"no EHLO, no HELO":     {[]string{"220 mx", "550 5.7.1 bad name", "550 5.7.1 bad name"}, "451 4.4.0 Host", ""},
		"sender refused":       {[]string{"220 mx", hello, "550-5.7.1 not\r\n550 5.7.1 from there"}, "550 5.7.1 from there", ""},
		"goodbye at MAIL":      {[]string{"220 mx", hello, "421 4.3.2 bye"}, "451 4.3.2 bye", ""},
		"gone at RCPT":         {[]string{"220 mx", hello, "250 ok"}, "451 4.4.2 Lost connection", ""},
		"recipient refused":    {[]string{"220 mx", hello, "250 ok", "450 4.2.0 greylisted"}, "450 4.2.0 greylisted", ""},
		"DATA refused":         {[]string{"220 mx", hello, "250 ok", "250 ok", "554 5.5.1 no"}, "250 ok", "554 5.5.1 no"},
		"gone at DATA":         {[]string{"220 mx", hello, "250 ok", "250 ok"}, "250 ok", "451 4.4.2 Lost connection"},
		"a yes in place of go": {[]string{"220 mx", hello, "250 ok", "250 ok", "250 ok"}, "250 ok", "451 4.5.0"},
		"a yes too early":      {[]string{"220 mx", hello, "250 ok", "250 ok", "354 go\r\n250 done"}, "250 ok", "451 4.5.0"},
		"an unasked yes":       {[]string{"220 mx", hello, "250 ok\r\n250 ok"}, "451 4.4.2 Lost connection", ""},
		"garbage at RCPT":      {[]string{"220 mx", hello, "250 ok", "what?"}, "451 4.4.2 Lost connection", ""},
		"bears our name":       {[]string{"220 mx", "250 mail.example.com at your service"}, "451 4.4.6 Mail loops back", ""},
		"bears our other name": {[]string{"220 mx", "250 OUT.example.com"}, "451 4.4.6 Mail loops back", ""},
		"control characters":   {[]string{"220 mx", "550 \x1b[2J", "550 \x1b[2J"}, "451 4.4.0 Host mx1.example.net", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.domain("example.net", may, script(tt.script...))
			c := w.session()
			c.command("MAIL FROM:<alice@example.com>", "250")
			c.command("RCPT TO:<bob@example.net>", tt.rcpt)
			if tt.end != "" {
				c.command("DATA", tt.end)
			}
			c.command("NOOP", "250")
		})
	}
}

// TestServersThatFailWithinAMessage checks a server that disconnects, or
// refuses, in the middle of a message.
func TestServersThatFailWithinAMessage(t *testing.T) {
	begin := []string{"220 mx", "250 mx", "250 ok", "250 ok", "354 go"}
	for name, tt := range map[string]struct {
		lines []string
		want  string
	}{
		"gone":                 {nil, "451 4.4.2 Lost connection"},
		"no, and gone":         {[]string{"552 5.3.4 too much\r\n"}, ""},
		"garbage as a verdict": {[]string{"hello"}, "451 4.4.2 Lost connection"},
		"go on as a verdict":   {[]string{"354 go on"}, "451 4.4.2 Lost connection"},
		"goodbye as a verdict": {[]string{"421 4.3.2 bye"}, "451 4.3.2 bye"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.config.Smarthost.MaxMessage = 64 << 20
			w.domain("example.net", may, script(append(begin, tt.lines...)...))
			c := w.session()
			c.command("MAIL FROM:<alice@example.com>", "250")
			c.command("RCPT TO:<bob@example.net>", "250")
			c.command("DATA", "354")
			if tt.want == "" { // more than fits between us, so that the server is gone before the end
				for range 400 {
					_, _ = io.WriteString(c.Conn, strings.Repeat("0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcd\r\n", 1000))
				}
				tt.want = "5"
				_, _ = io.WriteString(c.Conn, ".\r\n")
				line, err := c.received.ReadString('\n')
				if err != nil || !strings.HasPrefix(line, "552 5.3.4") && !strings.HasPrefix(line, "451 4.4.2") {
					t.Errorf("%q, %v", line, err)
				}
			} else {
				c.command("x\r\n.", tt.want)
			}
			c.command("NOOP", "250")
		})
	}
}

// TestShutdownEndsASearch checks that a shutdown ends a search for a server in
// which none answers.
func TestShutdownEndsASearch(t *testing.T) {
	w := newWorld(t)
	silent := make(chan struct{})
	w.domain("example.net", may, func(l net.Listener) {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		close(silent) // and not a word
		_, _ = io.Copy(io.Discard, conn)
		_ = conn.Close()
	})
	c := w.session()
	c.command("MAIL FROM:<a@example.com>", "250")
	if _, err := io.WriteString(c.Conn, "RCPT TO:<b@example.net>\r\n"); err != nil {
		t.Fatal(err)
	}
	<-silent
	ended := make(chan struct{})
	go func() { w.stop(); close(ended) }()
	select {
	case <-ended:
	case <-time.After(patience / 2):
		t.Fatal("the session does not end")
	}
}
