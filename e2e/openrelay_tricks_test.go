// The addresses and groups of commands that openrelay_test.go sends.

package e2e

import "fmt"

// victims are the known ways to write an address at elsewhere.example so that a
// server might take it for an address at example.com, or for one without a
// domain.
var victims = []string{
	"v@elsewhere.example", "V@ELSEWHERE.EXAMPLE", "v@elsewhere.example.", `"v"@elsewhere.example`, "v+example.com@elsewhere.example",
	// source routes (RFC 5321 appendix C)
	"@example.com:v@elsewhere.example", "@elsewhere.example:v@example.com", "@example.com,@elsewhere.example:v@elsewhere.example",
	"@example.com:@example.com:v@elsewhere.example", "@:v@elsewhere.example", "@[127.0.0.1]:v@elsewhere.example",
	// the percent hack (RFC 1123 §5.2.16)
	"v%elsewhere.example@example.com", "v%elsewhere.example@EXAMPLE.COM", `"v%elsewhere.example"@example.com`, "v%elsewhere.example@",
	"v%elsewhere.example", "v%elsewhere.example%example.com@example.com", "v%elsewhere.example@[127.0.0.1]", "v%elsewhere.example@localhost",
	"v%elsewhere.example@legacy.example.com", "postmaster%elsewhere.example@example.com", "postmaster%elsewhere.example",
	// UUCP
	"elsewhere.example!v@example.com", `"elsewhere.example!v"@example.com`, "elsewhere.example!v", "example.com!elsewhere.example!v",
	"elsewhere.example!example.com!v@example.com",
	// quotes and escapes
	`"v@elsewhere.example"@example.com`, `"v@elsewhere.example"`, `v\@elsewhere.example@example.com`, `"v\@elsewhere.example"@example.com`,
	`"v"@elsewhere.example@example.com`, `"v@elsewhere.example\"@example.com"`, `"v"@"elsewhere.example"`, `"\v@elsewhere.example"@example.com`,
	// two addresses in one
	"v@elsewhere.example@example.com", "v@example.com@elsewhere.example", "v@elsewhere.example,w@example.com", "v@elsewhere.example;w@example.com",
	"w@example.com,v@elsewhere.example", "w@example.com v@elsewhere.example", "w@example.com>,<v@elsewhere.example", "<v@elsewhere.example>@example.com",
	// address literals and similar domains
	"v@[127.0.0.1]", "v@[198.51.100.9]", "v@[IPv6:::1]", "v@127.0.0.1", "v@localhost", "v@sub.example.com", "v@example.com.elsewhere.example",
	"v@notexample.com", "v@example.co", "v@.example.com", "v@example..com", "v@com", "v@", "@elsewhere.example", "v",
	// other alphabets: characters that look like a full stop or a letter
	"v@elsewhere。example", "v@example。com", "v@ｅxample.com", "v@exämple.com", "v@exam\u212aple.com", "v%elsewhere.example@ex\u00adample.com",
	// programs, files and lists
	"|/bin/true@elsewhere.example", `"|/bin/true"@elsewhere.example`, "/tmp/x@elsewhere.example", ":include:/etc/passwd", "(c)v@elsewhere.example",
	"v@elsewhere.example(c)@example.com", "v=elsewhere.example@[example.com]",
}

// homes are addresses that must be accepted, and must not be relayed.
var homes = []string{
	"w@example.com", "W@EXAMPLE.COM", "w+elsewhere.example@example.com", "w=elsewhere.example@example.com", `"w w"@example.com`, "postmaster", "PostMaster@Example.Com",
}

// group is a number of lines that are sent at once, and the number of replies
// to them. The text of a message is sent after a 354.
type group struct {
	lines   string
	replies int
}

const (
	mail   = "MAIL FROM:<a@elsewhere.example>"
	home   = "RCPT TO:<w@example.com>"
	victim = "RCPT TO:<v@elsewhere.example>"
)

func chunk(text string) string { return fmt.Sprintf("BDAT %d LAST\r\n%s", len(text), text) }

func lines(each ...string) (groups []group) {
	for _, line := range each {
		groups = append(groups, group{line + "\r\n", 1})
	}
	return groups
}

// smuggled returns a message that contains a second one, behind an end of data
// that no server may accept.
func smuggled(end string) string {
	return "Subject: x\r\n\r\nx" + end + mail + "\r\n" + victim + "\r\nDATA\r\nSubject: y\r\n\r\ny\r\n.\r\n"
}

var tricks = map[string][]group{
	"behind RSET":        lines(mail, home, "RSET", victim, "DATA"),
	"behind EHLO":        lines(mail, home, "EHLO again.example", victim, "DATA", mail, victim, "DATA"),
	"as a neighbour":     lines("HELO localhost", mail, victim, "DATA", "EHLO [127.0.0.1]", mail, victim, "DATA", "EHLO example.com", mail, victim, "DATA"),
	"behind a message":   lines(mail, home, "DATA", victim, "DATA", mail, victim, "DATA"),
	"one good, one bad":  lines(mail, home, victim, "DATA"),
	"pipelined":          {{mail + "\r\n" + home + "\r\n" + victim + "\r\nDATA\r\n", 4}},
	"pipelined, no home": {{mail + "\r\n" + victim + "\r\nDATA\r\n", 3}},
	"as a bounce":        lines("MAIL FROM:<>", victim, "DATA"),
	"as one of us":       lines("MAIL FROM:<w@example.com>", victim, "DATA", "RSET", "MAIL FROM:<w@example.com> AUTH=w@example.com", victim, "DATA"),
	"parameters":         lines(mail, victim+" ORCPT=rfc822;w@example.com", victim+" NOTIFY=NEVER", home+" ORCPT=rfc822;v@elsewhere.example", "DATA"),
	"no brackets":        lines(mail, "RCPT TO:v@elsewhere.example", "RCPT TO: v@elsewhere.example", "RCPT TO: <v@elsewhere.example>", "RCPT TO <v@elsewhere.example>", "DATA"),
	"other commands":     lines("SEND FROM:<a@elsewhere.example>", victim, "SOML FROM:<a@elsewhere.example>", victim, "SAML FROM:<a@elsewhere.example>", victim, "TURN", "ETRN elsewhere.example", "VRFY v@elsewhere.example", "EXPN v@elsewhere.example", "DATA"),
	"XCLIENT":            lines("XCLIENT ADDR=127.0.0.1 NAME=localhost", "XCLIENT LOGIN=w", "XFORWARD ADDR=127.0.0.1", "PROXY TCP4 127.0.0.1 127.0.0.1 1 25", mail, victim, "DATA"),
	"a wrong password":   lines("AUTH PLAIN AHcAd3Jvbmc=", mail, victim, "DATA"),
	"no password":        lines("AUTH ANONYMOUS dw==", "AUTH EXTERNAL dw==", "AUTH PLAIN =", "AUTH PLAIN", mail, victim, "DATA"),
	"a chunk":            append(lines(mail, victim), group{chunk("Subject: x\r\n\r\nx\r\n"), 1}),
	"within a chunk":     append(lines(mail, home), group{chunk(smuggled("\r\n.\r\n")), 1}),
	"behind a chunk":     append(append(lines(mail, home), group{chunk("Subject: x\r\n\r\nx\r\n"), 1}), lines(victim, "DATA", mail, victim, "DATA")...),
	"a chunk for nobody": {{chunk(smuggled("\r\n.\r\n")), 1}},
	"TLS, injected":      {{"STARTTLS\r\n" + mail + "\r\n" + victim + "\r\nDATA\r\n", 1}},
	"smuggled, LF":       append(lines(mail, home, "DATA"), group{smuggled("\n.\n"), 1}),
	"smuggled, CRLF LF":  append(lines(mail, home, "DATA"), group{smuggled("\r\n.\n"), 1}),
	"smuggled, LF CRLF":  append(lines(mail, home, "DATA"), group{smuggled("\n.\r\n"), 1}),
	"smuggled, CR":       append(lines(mail, home, "DATA"), group{smuggled("\r.\r"), 1}),
	"smuggled, NUL":      append(lines(mail, home, "DATA"), group{smuggled("\r\n\x00.\r\n"), 1}),
}
