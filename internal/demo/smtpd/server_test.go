package smtpd

import (
	"errors"
	"net"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/emersion/go-smtp"

	"github.com/letterlock/letterlock/internal/demo/talk"
	"github.com/letterlock/letterlock/internal/test/loopback"
)

const greeting = `
	S: 220 mail.example.com ESMTP Service Ready
	C: EHLO client.example.net
	S: 250-Hello client.example.net
	S: 250-PIPELINING
	S: 250-8BITMIME
	S: 250-ENHANCEDSTATUSCODES
	S: 250-CHUNKING
`

const extensions = `
	S: 250-SMTPUTF8
	S: 250-BINARYMIME
	S: 250-DSN
	S: 250-SIZE 26214400
	S: 250 LIMITS RCPTMAX=100
`

// box records deliveries, or fails.
type box struct {
	mu       sync.Mutex
	messages []string
	err      error
}

func (b *box) Authenticate(username, password string) bool {
	return username == "demo" && password == "demo"
}

func (b *box) Deliver(trace, message []byte) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.messages = append(b.messages, string(trace)+string(message))
	return b.err
}

// serve runs a server until the test ends.
func serve(t *testing.T, s *smtp.Server) net.Conn {
	t.Helper()
	l := loopback.Listen(t)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = s.Serve(l)
	}()
	t.Cleanup(func() {
		_ = s.Close()
		_ = l.Close()
		<-done
	})
	return talk.Dial(t, l.Addr().String())
}

func TestMX(t *testing.T) {
	for name, script := range map[string]string{
		"its domain only": `
			C: MAIL FROM:<a@example.net>
			S: 250 *
			C: RCPT TO:<anybody@example.com>
			S: 250 *
			C: RCPT TO:<anybody@EXAMPLE.COM>
			S: 250 *
			C: RCPT TO:<b@example.net>
			S: 550 5.1.1 the demo delivers to example.com only
			C: RCPT TO:<b@sub.example.com>
			S: 550 5.1.1 *
			C: RCPT TO:<"b@example.com"@example.net>
			S: 550 5.1.1 *`,
		"no AUTH": `
			C: AUTH PLAIN AGRlbW8AZGVtbw==
			S: 504 5.7.4 *`,
		"control characters": `
			C| MAIL FROM:<"a\rb"@example.net>\r\n
			S: 501 5.1.7 control character in the address
			C: MAIL FROM:<>
			S: 250 *
			C| RCPT TO:<"a\rb"@example.com>\r\n
			S: 501 5.1.3 control character in the address`,
		"too big": `
			C: MAIL FROM:<> SIZE=26214401
			S: 552 5.3.4 *`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			talk.Run(t, serve(t, New("mail.example.com", "example.com", &box{})), greeting+extensions+script)
		})
	}
}

func TestSubmission(t *testing.T) {
	greeting := greeting + "S: 250-AUTH PLAIN LOGIN\n" + extensions
	for name, script := range map[string]string{
		"login first": `
			C: MAIL FROM:<demo@example.com>
			S: 530 5.7.0 authentication required
			C: AUTH PLAIN AGRlbW8Abm8=
			S: 535 5.7.8 *
			C: MAIL FROM:<demo@example.com>
			S: 530 *`,
		"PLAIN": `
			C: AUTH PLAIN
			S: 334 
			C: AGRlbW8AZGVtbw==
			S: 235 *
			C: MAIL FROM:<demo@example.com>
			S: 250 *
			C: RCPT TO:<b@example.com>
			S: 250 *
			C: RCPT TO:<b@example.net>
			S: 550 5.1.2 the demo delivers to example.com only`,
		"PLAIN for another": `
			C: AUTH PLAIN cm9vdABkZW1vAGRlbW8=
			S: 535 *`,
		"LOGIN": `
			C: AUTH LOGIN
			S: 334 VXNlcm5hbWU6
			C: ZGVtbw==
			S: 334 UGFzc3dvcmQ6
			C: ZGVtbw==
			S: 235 *`,
		"LOGIN with the name at once": `
			C: AUTH LOGIN ZGVtbw==
			S: 334 UGFzc3dvcmQ6
			C: ZGVtbw==
			S: 235 *`,
		"LOGIN, wrong": `
			C: AUTH LOGIN ZGVtbw==
			S: 334 UGFzc3dvcmQ6
			C: bm8=
			S: 535 *
			C: MAIL FROM:<demo@example.com>
			S: 530 *`,
		"another mechanism": `
			C: AUTH CRAM-MD5
			S: 504 5.7.4 *`,
		"control characters": `
			C: AUTH PLAIN AGRlbW8AZGVtbw==
			S: 235 *
			C| MAIL FROM:<"a\rb"@example.net>\r\n
			S: 501 5.1.7 *`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			talk.Run(t, serve(t, NewSubmission("mail.example.com", "example.com", &box{})), greeting+script)
		})
	}
}

func TestDelivery(t *testing.T) {
	for name, c := range map[string]struct{ script, want string }{
		"DATA": {
			script: `
				C: MAIL FROM:<a@example.net>
				S: 250 *
				C: RCPT TO:<b@example.com>
				S: 250 *
				C: RCPT TO:<c@example.com>
				S: 250 *
				C: DATA
				S: 354 *
				C| Subject: x\r\n\r\n..dot\r\nbare\n.\nLF\r\n.\r\n
				S: 250 *`,
			want: "Return-Path: <a@example.net>\r\n" +
				"Delivered-To: b@example.com\r\nDelivered-To: c@example.com\r\n" +
				"Received: from client.example.net ([127.0.0.1])\r\n\tby mail.example.com with ESMTP;\r\n\tDATE\r\n" +
				"Subject: x\r\n\r\n.dot\r\nbare\n.\nLF\r\n",
		},
		"BDAT": {
			script: `
				C: MAIL FROM:<> SMTPUTF8 BODY=BINARYMIME
				S: 250 *
				C: RCPT TO:<b@example.com>
				S: 250 *
				C| BDAT 3\r\nA:\n
				S: 250 *
				C| BDAT 4 LAST\r\n.\r\n\x00
				S: 250 *`,
			want: "Return-Path: <>\r\nDelivered-To: b@example.com\r\n" +
				"Received: from client.example.net ([127.0.0.1])\r\n\tby mail.example.com with UTF8SMTP;\r\n\tDATE\r\n" +
				"A:\n.\r\n\x00",
		},
		"a client's name": {
			script: `
				C| EHLO a\rb\r\n
				S: 250-Hello *
				S: 250-PIPELINING
				S: 250-8BITMIME
				S: 250-ENHANCEDSTATUSCODES
				S: 250-CHUNKING
				` + extensions + `
				C: MAIL FROM:<>
				S: 250 *
				C: RCPT TO:<b@example.com>
				S: 250 *
				C: DATA
				S: 354 *
				C: .
				S: 250 *`,
			want: "Return-Path: <>\r\nDelivered-To: b@example.com\r\n" +
				"Received: from a?b ([127.0.0.1])\r\n\tby mail.example.com with ESMTP;\r\n\tDATE\r\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := &box{}
			talk.Run(t, serve(t, New("mail.example.com", "example.com", b)), greeting+extensions+c.script)
			b.mu.Lock()
			defer b.mu.Unlock()
			if len(b.messages) != 1 {
				t.Fatalf("%d messages", len(b.messages))
			}
			date := regexp.MustCompile(`\t\w{3}, \d\d \w{3} \d{4} [\d:]{8} [+-]\d{4}\r\n`)
			if got := date.ReplaceAllString(b.messages[0], "\tDATE\r\n"); got != c.want {
				t.Errorf("got  %q\nwant %q", got, c.want)
			}
		})
	}
}

func TestFullMailbox(t *testing.T) {
	b := &box{err: errors.New("full")}
	talk.Run(t, serve(t, New("mail.example.com", "example.com", b)), greeting+extensions+`
		C: MAIL FROM:<>
		S: 250 *
		C: RCPT TO:<b@example.com>
		S: 250 *
		C: DATA
		S: 354 *
		C: .
		S: 452 4.2.2 the mailbox is full`)
}

func TestAuthenticatedMailIsMarked(t *testing.T) {
	b := &box{}
	talk.Run(t, serve(t, NewSubmission("mail.example.com", "example.com", b)), greeting+
		"S: 250-AUTH PLAIN LOGIN\n"+extensions+`
		C: AUTH PLAIN AGRlbW8AZGVtbw==
		S: 235 *
		C: MAIL FROM:<>
		S: 250 *
		C: RCPT TO:<b@example.com>
		S: 250 *
		C: DATA
		S: 354 *
		C: .
		S: 250 *`)
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.messages) != 1 || !strings.Contains(b.messages[0], " with ESMTPA;") {
		t.Errorf("got %q", b.messages)
	}
}

func TestLoginEnds(t *testing.T) {
	l := &login{authenticate: func(string, string) error { return nil }}
	for _, response := range []string{"demo", "demo"} {
		if _, _, err := l.Next([]byte(response)); err != nil {
			t.Fatal(err)
		}
	}
	if _, done, err := l.Next(nil); done || err == nil {
		t.Errorf("after the end: %v %v", done, err)
	}
}
