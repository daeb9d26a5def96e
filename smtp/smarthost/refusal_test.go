package smarthost_test

import (
	"io"
	"regexp"
	"strings"
	"testing"

	"github.com/letterlock/letterlock/internal/nexthop"
	"github.com/letterlock/letterlock/tlspolicy/outbound"
)

// reply reads a reply, which must have one code in all of its lines.
func (c client) reply() string {
	c.t.Helper()
	var lines []string
	for {
		line, err := c.received.ReadString('\n')
		if err != nil || len(line) < 4 {
			c.t.Fatalf("%q, %v after %q", line, err, lines)
		}
		lines = append(lines, strings.TrimSuffix(line, "\r\n"))
		if lines[0][:3] != line[:3] {
			c.t.Errorf("%q has another code than %q", line, lines[0])
		}
		if line[3] == ' ' {
			return strings.Join(lines, "|")
		}
	}
}

// TestRefusalsOfManyLines checks that all lines of a refusal reach the client
// and the log, at each step.
func TestRefusalsOfManyLines(t *testing.T) {
	const hello = "250 mx"
	for name, tt := range map[string]struct {
		script    []string
		level     outbound.Level
		rcpt, end string // regular expressions
		log       string
	}{
		"at the greeting": {[]string{"554-5.7.1 Blocked\r\n554-5.7.1 for spam\r\n554 5.7.1 see https://example.net"}, outbound.May,
			`451-4\.4\.0 Host \S+ refused the connection: 554-5\.7\.1 Blocked\|451-4\.4\.0 554-5\.7\.1 for spam\|451 4\.4\.0 554 5\.7\.1 see https://example\.net`, "",
			"451 4.4.0 Host .* refused the connection: 554-5.7.1 Blocked 554-5.7.1 for spam 554 5.7.1 see https://example.net"},
		"at EHLO and HELO": {[]string{"220 mx", "550-no\r\n550 name", "550-no\r\n550 name"}, outbound.May,
			`451-4\.4\.0 Host \S+ refused our name: 550-no\|451 4\.4\.0 550 name`, "", "refused our name: 550-no 550 name"},
		"at STARTTLS": {[]string{"220 mx", "250-mx\r\n250 STARTTLS", "454-4.7.0 not\r\n454 4.7.0 now"}, outbound.Encrypt,
			`451-4\.7\.4 TLS is required, but host \S+ refused to start TLS: 454-4\.7\.0 not\|451 4\.7\.4 454 4\.7\.0 now`, "", "454-4.7.0 not 454 4.7.0 now"},
		"at MAIL":      {[]string{"220 mx", hello, "550-5.7.1 not\r\n550 5.7.1 from there"}, outbound.May, `550-5\.7\.1 not\|550 5\.7\.1 from there`, "", "550 5.7.1 not from there"},
		"421 at MAIL":  {[]string{"220 mx", hello, "421-4.3.2 not\r\n421 4.3.2 now"}, outbound.May, `451-4\.3\.2 not\|451 4\.3\.2 now`, "", "451 4.3.2 not now"},
		"at RCPT":      {[]string{"220 mx", hello, "250 ok", "550-5.1.1 no\r\n550 5.1.1 such user"}, outbound.May, `550-5\.1\.1 no\|550 5\.1\.1 such user`, "", "0 recipients: 550 5.1.1 no such user"},
		"at DATA":      {[]string{"220 mx", hello, "250 ok", "250 ok", "554-5.5.1 no\r\n554 5.5.1 no"}, outbound.May, "250 ok", `554-5\.5\.1 no\|554 5\.5\.1 no`, "554 5.5.1 no no"},
		"at its end":   {[]string{"220 mx", hello, "250 ok", "250 ok", "354 go", "", "", "", "", "554-5.6.0 spam\r\n554 5.6.0 spam"}, outbound.May, "250 ok", `354 .*`, "554 5.6.0 spam spam"},
		"twenty lines": {[]string{strings.Repeat("554-x\r\n", 29) + "554 x"}, outbound.May, `451-4\.4\.0 Host .*: 554-x(\|451-4\.4\.0 554-x){19}\|451 4\.4\.0 \(and 10 more lines\)`, "", "554-x .and 10 more lines."},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.domain("example.net", nexthop.Rules{Level: tt.level}, script(tt.script...))
			c := w.session()
			c.command("MAIL FROM:<alice@example.com>", "250")
			ask := func(line, want string) {
				t.Helper()
				if _, err := io.WriteString(c.Conn, line+"\r\n"); err != nil {
					t.Fatal(err)
				}
				if got := c.reply(); !regexp.MustCompile("^" + want + "$").MatchString(got) {
					t.Errorf("%s: %q, want %s", line, got, want)
				}
			}
			ask("RCPT TO:<bob@example.net>", tt.rcpt)
			if tt.end != "" {
				ask("DATA", tt.end)
			}
			if strings.HasPrefix(tt.end, "354") {
				ask("x\r\n.", `554-5\.6\.0 spam\|554 5\.6\.0 spam`)
			}
			c.command("NOOP", "250")
			if !regexp.MustCompile(tt.log).MatchString(w.read()) {
				t.Errorf("the log lacks %s: %s", tt.log, w.read())
			}
		})
	}
}
