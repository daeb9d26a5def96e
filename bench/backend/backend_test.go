//go:build linux

package backend

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// talk sends a text to a session at once, and returns all replies until the session
// closes.
func talk(t *testing.T, session func(*conn), text string) string {
	t.Helper()
	client, server := net.Pipe()
	go func() {
		session(&conn{Reader: bufio.NewReaderSize(server, readBuffer), socket: server})
		_ = server.Close()
	}()
	go func() { _, _ = io.WriteString(client, text) }()
	replies, err := io.ReadAll(client)
	if err != nil {
		t.Fatal(err)
	}
	return string(replies)
}

func TestDialogs(t *testing.T) {
	plain := "AHVzZXIAcGFzcw==" // user, pass
	wrong := "AHVzZXIAd3Jvbmc="
	const imapGreeting = "* OK [" + imapCapabilities + "] ready\r\n"
	const bye = "* BYE bye\r\nz OK done\r\n"
	for name, test := range map[string]struct {
		session     func(*conn)
		sends, want string
	}{
		"imap": {imap, "a CAPABILITY\r\nb NOOP\r\nc IDLE\r\nDONE\r\nz LOGOUT\r\n",
			imapGreeting + "* " + imapCapabilities + "\r\na OK done\r\nb OK done\r\n+ idling\r\nc OK done\r\n" + bye},
		"imap login": {imap, "a LOGIN user pass\r\nb LOGIN \"user\" {4+}\r\npass\r\nc LOGIN {4}\r\nuser {4}\r\npass\r\nd LOGIN user wrong\r\nz LOGOUT\r\n",
			imapGreeting + "a OK done\r\nb OK done\r\n+ go on\r\n+ go on\r\nc OK done\r\nd NO [AUTHENTICATIONFAILED] wrong\r\n" + bye},
		"imap tokens": {imap, "a AUTHENTICATE PLAIN " + plain + "\r\nb AUTHENTICATE PLAIN\r\n" + plain + "\r\nc AUTHENTICATE PLAIN " + wrong + "\r\nz LOGOUT\r\n",
			imapGreeting + "a OK done\r\n+ \r\nb OK done\r\nc NO [AUTHENTICATIONFAILED] wrong\r\n" + bye},
		"imap messages": {imap, "a FETCH 66\r\nb APPEND INBOX {100000+}\r\n" + strings.Repeat("x", 100000) + "\r\nz LOGOUT\r\n",
			imapGreeting + "* 1 FETCH (BODY[] {66}\r\n" + (fillerLine + fillerLine)[:66] + ")\r\na OK done\r\nb OK done\r\n" + bye},
		"imap nonsense": {imap, "a FETCH all\r\n", imapGreeting},
		"pop3": {pop3, "CAPA\r\nUSER user\r\nPASS pass\r\nPASS wrong\r\nAUTH PLAIN\r\n" + plain + "\r\nAUTH PLAIN " + wrong + "\r\nNOOP\r\nQUIT\r\n",
			"+OK ready\r\n" + pop3Capabilities + "+OK\r\n+OK\r\n-ERR [AUTH] wrong\r\n+ \r\n+OK\r\n-ERR [AUTH] wrong\r\n+OK\r\n+OK bye\r\n"},
		"smtp": {smtp, "EHLO x\r\nMAIL FROM:<a@example.com>\r\nAUTH PLAIN " + wrong + "\r\nAUTH PLAIN\r\n" + plain + "\r\nMAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.net>\r\n" +
			"DATA\r\na line\r\n..\r\n.\r\nBDAT 5 LAST\r\n.\r\n\r\nQUIT\r\n",
			"220 backend ESMTP\r\n" + smtpCapabilities + "530 5.7.0 log in first\r\n535 5.7.8 wrong\r\n334 \r\n235 2.7.0 welcome\r\n" +
				"250 2.0.0 ok\r\n250 2.0.0 ok\r\n354 go on\r\n250 2.0.0 ok\r\n250 2.0.0 ok\r\n221 2.0.0 bye\r\n"},
		"smtp nonsense": {smtp, "BDAT all\r\n", "220 backend ESMTP\r\n"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := talk(t, test.session, test.sends); got != test.want {
				t.Errorf("received\n%s\nwant\n%s", got, test.want)
			}
		})
	}
}

func TestNginxReceivesTheBackend(t *testing.T) {
	l := httptest.NewUnstartedServer(nil).Listener
	defer func() { _ = l.Close() }()
	go answerAuth(l, Ports{IMAP: 1, POP3: 2, SMTP: 3})
	for protocol, port := range map[string]string{"imap": "1", "pop3": "2", "smtp": "3"} {
		request, err := http.NewRequest(http.MethodGet, fmt.Sprintf("http://%s/", l.Addr()), nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Auth-Protocol", protocol)
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if h := response.Header; h.Get("Auth-Status") != "OK" || h.Get("Auth-Server") != "127.0.0.1" || h.Get("Auth-Port") != port {
			t.Errorf("%s: %v", protocol, h)
		}
	}
}
