package main

import (
	"bufio"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/pires/go-proxyproto"
	"github.com/pires/go-proxyproto/tlvparse"

	"github.com/letterlock/letterlock/internal/test/loopback"
)

// answering starts an SMTP server that answers each line by its beginning;
// the first that fits counts.
func answering(t *testing.T, answers ...[2]string) string {
	t.Helper()
	l := loopback.Listen(t)
	loopback.Serve(l, func(conn net.Conn) {
		_, _ = io.WriteString(conn, "220 old ESMTP\r\n")
		for lines := bufio.NewScanner(conn); lines.Scan(); {
			for _, a := range append(answers, [2]string{"PROXY", ""}, [2]string{"", "250 ok\r\n"}) {
				if strings.HasPrefix(lines.Text(), a[0]) {
					_, _ = io.WriteString(conn, a[1])
					break
				}
			}
		}
	})
	return l.Addr().String()
}

// An open relay that refuses unknown senders is found. For a server that refuses
// every sender the question stays open.
func TestProbeOfServersThatCheckSenders(t *testing.T) {
	t.Parallel()
	const refusal = "450 4.1.8 Sender address rejected: Domain not found\r\n"
	closed := [2]string{"RCPT", "554 5.7.1 Relay access denied\r\n"}
	for name, c := range map[string]struct {
		answers  [][2]string
		top      string
		recipes  string
		status   int
		contains []string
	}{
		"all but the null sender": {[][2]string{{"MAIL FROM:<>", "250 ok\r\n"}, {"MAIL", refusal}}, "", "", exitFailed, []string{"OPEN RELAY", "from <>"}},
		"all":                     {[][2]string{{"MAIL", refusal}}, "", "", exitOK, []string{"not probed to the end", "whether it relays is not known", "probe_sender"}},
		"all named ones": {[][2]string{{"MAIL FROM:<>", "250 ok\r\n"}, {"MAIL", refusal}, closed}, "", "", exitOK,
			[]string{"not probed to the end", "postmaster@mail.example.com", "probe_sender"}},
		"all but the configured one": {[][2]string{{"MAIL FROM:<>", "550 no\r\n"}, {"MAIL FROM:<joe@elsewhere.example>", "250 ok\r\n"}, {"MAIL", refusal}},
			"probe_sender: joe@elsewhere.example\n", "", exitFailed, []string{"OPEN RELAY", "joe@elsewhere.example"}},
		"all but those of the domain": {[][2]string{{"MAIL FROM:<postmaster@example.com>", "250 ok\r\n"}, {"MAIL", refusal}, closed},
			"", "", exitOK, []string{"not probed to the end"}}, // the null sender is refused for now only
		"all but those of the recipients": {[][2]string{{"MAIL FROM:<postmaster@known.example>", "250 ok\r\n"}, {"MAIL", "553 no\r\n"}},
			"", "recipients: [.known.example]", exitOK, []string{"only because the proxy knows the recipients"}},
	} {
		t.Run(name, func(t *testing.T) {
			if c.recipes == "" {
				c.recipes = "handover: proxy-v1"
			}
			file := writeFile(t, c.top+"hostname: mail.example.com\nlisteners:\n  - {service: smtp, backend: '"+answering(t, c.answers...)+"', "+c.recipes+"}\n")
			status, out, said := words("config", "check", "--probe", "--config", file)
			if status != c.status || strings.Contains(out, "nothing was found") {
				t.Errorf("%d\n%s%s", status, out, said)
			}
			for _, want := range c.contains {
				if !strings.Contains(said, want) {
					t.Errorf("no %q in\n%s", want, said)
				}
			}
		})
	}
}

// A server that knows by a PROXY header of TLS takes plaintext logins then, as
// Dovecot does, and is probed as a session with TLS.
func TestProbeReportsTLS(t *testing.T) {
	t.Parallel()
	l := loopback.Listen(t)
	loopback.Serve(l, func(conn net.Conn) {
		r := bufio.NewReader(conn)
		capabilities := "IMAP4rev1 LOGINDISABLED"
		if h, err := proxyproto.Read(r); err == nil && h.SourceAddr.String() != h.DestinationAddr.String() {
			if tlvs, err := h.TLVs(); err == nil && len(tlvs) > 0 {
				if ssl, err := tlvparse.SSL(tlvs[0]); err == nil && ssl.ClientSSL() {
					capabilities = "IMAP4rev1 AUTH=PLAIN"
				}
			}
		}
		_, _ = io.WriteString(conn, "* OK old\r\n")
		for lines := bufio.NewScanner(r); lines.Scan(); {
			tag, command, _ := strings.Cut(lines.Text(), " ")
			switch verb, _, _ := strings.Cut(command, " "); verb {
			case "CAPABILITY":
				_, _ = io.WriteString(conn, "* CAPABILITY "+capabilities+"\r\n"+tag+" OK\r\n")
			case "LOGIN":
				_, _ = io.WriteString(conn, tag+" NO no\r\n")
			default:
				_, _ = io.WriteString(conn, tag+" OK\r\n")
			}
		}
	})
	file := writeFile(t, "hostname: mail.example.com\nlisteners: [{service: imap, handover: proxy-v2, backend: '"+l.Addr().String()+"'}]\n")
	if status, out, said := words("config", "check", "--probe", "--config", file); status != exitOK || !strings.Contains(out, "nothing was found") {
		t.Errorf("%d\n%s%s", status, out, said)
	}
}

// The remedy for a handover that is not taken names the settings of that
// handover. A backend that ends the session behind the header, as the first one
// does, is not probed, which is a failure of the command.
func TestProbeRemediesOfHandovers(t *testing.T) {
	t.Parallel()
	l := loopback.Listen(t)
	loopback.Serve(l, func(net.Conn) {})
	misread := answering(t, [2]string{"PROXY", "502 what\r\n"})
	for handover, c := range map[string]struct {
		status int
		want   string
	}{
		"proxy-v2, backend: '" + l.Addr().String():        {exitFailed, "haproxy_trusted_networks"},
		"proxy-v1, backend: '" + misread:                  {exitOK, "smtpd_upstream_proxy_protocol"},
		"xclient, backend: '" + answering(t):              {exitOK, "smtpd_authorized_xclient_hosts"},
		"xforward, auth: true, backend: '" + answering(t): {exitOK, "smtpd_authorized_xforward_hosts"},
	} {
		file := writeFile(t, "hostname: mail.example.com\nlisteners: [{service: smtp, recipients: [example.com], handover: "+handover+"'}]\n")
		if status, _, said := words("config", "check", "--probe", "--config", file); status != c.status || !strings.Contains(said, c.want) {
			t.Errorf("%s: %d, no %q in\n%s", handover, status, c.want, said)
		}
	}
}

// A backend that is down fails the command, beside others that are probed.
func TestProbeOfABackendThatIsDown(t *testing.T) {
	t.Parallel()
	closed := loopback.Listen(t)
	down := closed.Addr().String()
	_ = closed.Close()
	file := writeFile(t, "hostname: mail.example.com\nlisteners:\n"+
		"  - {service: smtp, recipients: [example.com], backend: '"+answering(t, [2]string{"RCPT", "554 5.7.1 no\r\n"})+"'}\n  - {service: imaps, backend: '"+down+"'}\n")
	status, out, said := words("config", "check", "--probe", file)
	if status != exitFailed || !strings.Contains(out, "probed: smtp backend") ||
		!strings.Contains(said, "warning: imaps backend was not probed to the end: "+down) || !strings.Contains(said, "a backend could not be probed") {
		t.Errorf("%d\n%s%s", status, out, said)
	}
	if status, _, said := words("config", "check", file); status != exitOK {
		t.Errorf("without --probe: %d\n%s", status, said)
	}
}
