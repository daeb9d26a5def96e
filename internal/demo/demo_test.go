package demo

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
	"github.com/emersion/go-sasl"

	"github.com/letterlock/letterlock/internal/demo/talk"
	"github.com/letterlock/letterlock/internal/test/loopback"
)

func TestMailGoesThrough(t *testing.T) {
	s := start(t)
	send(t, s.SMTP(), nil, "Subject: One\r\n\r\n.one\r\n")
	send(t, s.Submission(), sasl.NewPlainClient("", User, Password), "Subject: Two\r\n\r\ntwo\r\n")
	send(t, s.Submission(), sasl.NewLoginClient(User, Password), "Subject: Three\r\n\r\nthree\r\n")

	c := login(t, s, nil)
	texts := inbox(t, c)
	holdTo(t, texts, "Welcome to Letterlock", "One", "Two", "Three")
	if !strings.HasPrefix(texts[1], "Return-Path: <a@example.net>\r\nDelivered-To: anybody@example.com\r\nReceived: from ") ||
		!strings.HasSuffix(texts[1], "\r\nSubject: One\r\n\r\n.one\r\n") {
		t.Errorf("got %q", texts[1])
	}

	talk.Run(t, talk.Dial(t, s.POP3()), `
		S: +OK *
		C: USER demo
		S: +OK *
		C: PASS demo
		S: +OK *
		C: UIDL 2
		S: +OK 2 1.2
		C: LIST 2
		S: +OK 2 `+fmt.Sprint(len(texts[1]))+`
		C: TOP 2 1
		S: +OK *
		S: Return-Path: <a@example.net>
		S: Delivered-To: anybody@example.com
		S: Received: from *
		S: 	by mail.example.com with ESMTP;
		S: 	*
		S: Subject: One
		S:
		S: ..one
		S: .
		C: DELE 2
		S: +OK *
		C: DELE 3
		S: +OK *
		C: QUIT
		S: +OK *
		S! close`)
	if err := c.Noop().Wait(); err != nil {
		t.Fatal(err)
	}
	holdTo(t, inbox(t, c), "Welcome to Letterlock", "Three")
}

func TestPOP3MissesWhatIMAPDeleted(t *testing.T) {
	s := start(t)
	c := login(t, s, nil)
	pop := talk.Dial(t, s.POP3())
	talk.Run(t, pop, `
		S: +OK *
		C: AUTH PLAIN AGRlbW8AZGVtbw==
		S: +OK *`)
	gone := &imap.StoreFlags{Op: imap.StoreFlagsAdd, Flags: []imap.Flag{imap.FlagDeleted}}
	if err := c.Store(imap.SeqSetNum(1), gone, nil).Close(); err != nil {
		t.Fatal(err)
	}
	talk.Run(t, pop, `
		C: TOP 1 0
		S: +OK *
		S: Return-Path: *`)
	if err := c.Expunge().Close(); err != nil {
		t.Fatal(err)
	}
	pop = talk.Dial(t, s.POP3())
	talk.Run(t, pop, `
		S: +OK *
		C: AUTH PLAIN AGRlbW8AZGVtbw==
		S: +OK *
		C: STAT
		S: +OK 0 0
		C: QUIT
		S: +OK *`)
}

func TestIdleReportsNewMail(t *testing.T) {
	s := start(t)
	exists := make(chan uint32, 1)
	c := login(t, s, &imapclient.Options{UnilateralDataHandler: &imapclient.UnilateralDataHandler{
		Mailbox: func(data *imapclient.UnilateralDataMailbox) {
			if data.NumMessages != nil {
				exists <- *data.NumMessages
			}
		},
	}})
	idle, err := c.Idle()
	if err != nil {
		t.Fatal(err)
	}
	send(t, s.SMTP(), nil, "Subject: One\r\n\r\none\r\n")
	select {
	case n := <-exists:
		if n != 2 {
			t.Errorf("%d messages, want 2", n)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("no news")
	}
	if err := idle.Close(); err != nil {
		t.Error(err)
	}
	if err := idle.Wait(); err != nil {
		t.Error(err)
	}
}

func TestIMAPCapabilities(t *testing.T) {
	s := start(t)
	c, err := imapclient.DialInsecure(s.IMAP(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	for _, name := range []imap.Cap{"IMAP4rev1", "IMAP4rev2", "SASL-IR", "AUTH=PLAIN"} {
		if _, ok := c.Caps()[name]; !ok {
			t.Errorf("no %s before the login", name)
		}
	}
	if err := c.Authenticate(sasl.NewPlainClient("", User, Password)); err != nil {
		t.Fatal(err)
	}
	for _, name := range []imap.Cap{"IDLE", "LITERAL+", "UIDPLUS", "MOVE", "NAMESPACE", "ENABLE", "APPENDLIMIT=26214400"} {
		if _, ok := c.Caps()[name]; !ok {
			t.Errorf("no %s after the login", name)
		}
	}
}

func TestWrongPasswordIsRefused(t *testing.T) {
	s := start(t)
	for name, c := range map[string]struct{ address, script string }{
		"submission": {s.Submission(), `
			S: 220 *
			C: HELO client
			S: 250 *
			C: AUTH PLAIN AGRlbW8Abm8=
			S: 535 *
			C: MAIL FROM:<a@example.com>
			S: 530 *`},
		"imap": {s.IMAP(), `
			S: * OK *
			C: a LOGIN demo no
			S: a NO [AUTHENTICATIONFAILED] *
			C: b AUTHENTICATE PLAIN AGRlbW8Abm8=
			S: b NO [AUTHENTICATIONFAILED] *
			C: c SELECT INBOX
			S: c BAD *`},
		"pop3": {s.POP3(), `
			S: +OK *
			C: USER demo
			S: +OK *
			C: PASS no
			S: -ERR [AUTH] *
			C: STAT
			S: -ERR *`},
		"sieve": {s.Sieve(), `
			S: "IMPLEMENTATION" *
			S: "SASL" *
			S: "SIEVE" *
			S: "UNAUTHENTICATE"
			S: "VERSION" *
			S: OK *
			C: AUTHENTICATE "PLAIN" "AGRlbW8Abm8="
			S: NO *
			C: LISTSCRIPTS
			S: NO *`},
	} {
		t.Run(name, func(t *testing.T) { talk.Run(t, talk.Dial(t, c.address), c.script) })
	}
}

func TestSieve(t *testing.T) {
	s := start(t)
	capabilities := `
		S: "IMPLEMENTATION" *
		S: "SASL" *
		S: "SIEVE" *
		S: "UNAUTHENTICATE"
		S: "VERSION" *
		S: OK *
		C: AUTHENTICATE "PLAIN" "AGRlbW8AZGVtbw=="
		S: OK *
	`
	talk.Run(t, talk.Dial(t, s.Sieve()), capabilities+`
		C: PUTSCRIPT "main" "keep;"
		S: OK *
		C: SETACTIVE "main"
		S: OK *`)
	talk.Run(t, talk.Dial(t, s.Sieve()), capabilities+`
		C: LISTSCRIPTS
		S: "main" ACTIVE
		S: OK *`)
}

func TestOnlyTheAddress(t *testing.T) {
	s := start(t)
	for _, address := range []string{s.SMTP(), s.Submission(), s.IMAP(), s.POP3(), s.Sieve()} {
		host, _, err := net.SplitHostPort(address)
		if err != nil || host != loopback.Host() {
			t.Errorf("listening on %s", address)
		}
	}
}

func TestHostname(t *testing.T) {
	for _, name := range []string{"", "two words", "a\r\nb", "ä.example"} {
		if s, err := Start(loopback.Host(), name); err == nil {
			_ = s.Close()
			t.Errorf("%q was taken", name)
		}
	}
}
