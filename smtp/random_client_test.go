package smtp

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// The commands of a random client: usual commands in all their forms, and those
// of attackers.
var (
	commandLines = []string{
		"NOOP", "RSET", "HELP", "VRFY postmaster", "EXPN all", "NOOP x y", "noop ", "Rset", "QUIT now", "",
		"XCLIENT ADDR=192.0.2.66 LOGIN=alice", "XFORWARD NAME=x", "ETRN x", "BURL imap://x LAST", "STARTTLS", "STARTTLS now",
		"EHLO client.example", "HELO client.example", "EHLO a b", "EHLO", "ehlo [192.0.2.1]",
		"AUTH PLAIN AGFsaWNlAHNlY3JldA==", "AUTH PLAIN\r\nAGFsaWNlAHNlY3JldA==", "AUTH LOGIN\r\nYWxpY2U=\r\nc2VjcmV0", "AUTH LOGIN\r\n*",
		"auth login YWxpY2U=\r\nMAIL FROM:<x@example.org>", "AUTH PLAIN !", "AUTH", "AUTH X Y Z", "AUTH PLAIN =\r\n=",
		"MAIL FROM:<a@example.org>", "mail from: b@example.org SIZE=10", "MAIL FROM:<>", "MAIL FROM:<\"a b>\\\" c\"@example.org> BODY=8BITMIME",
		"MAIL FROM:<a@example.org> REQUIRETLS", "MAIL FROM:a\tb@example.org", "MAIL FROM <a>", "MAIL FROM:<a@example.org>\tX=1", "MAIL",
		"RCPT TO:<b@example.com>", "rcpt to:b@example.com", "RCPT TO:<b@example.com>  NOTIFY=NEVER", "RCPT TO:<>", "RCPT TO:<a<b@example.com>",
		"RCPT TO:<@a:b@example.com>", "RCPT TO:<b@example.com> ORCPT=rfc822;b+2B@example.com", "RCPT TO:b\x0b@example.com", "RCPT TO:<\xc3\xb6@example.com>",
		"BDAT", "BDAT 5x", "BDAT -1", "BDAT 0", "BDAT 0 LAST", "bdat 0 last", "DATA now", "GET / HTTP/1.1", " NOOP", "\tNOOP", "NOOP\tx", "N\x00OOP", "NO\rOP", "\x80",
	}
	scraps = []string{
		"\r\n", "\r\n", "\r\n", "\n", "\r", ".", "..", "\r\n.", "\x00", "a line", "a longer piece of a line", "\xff\xfe", "\t",
		"\n.\n", "\n.\r\n", "\r\n.\n", "\r.\r", "\r\n.\r", "\r\n\x00.\r\n", "\r\n.\x00\r\n",
		"MAIL FROM:<smuggled@example.org>\r\nRCPT TO:<b@example.com>\r\nDATA\r\n", "XCLIENT ADDR=192.0.2.66\r\n", "RSET\r\n", "BDAT 4 LAST\r\n",
	}
	binary      = "MAIL FROM:<a@example.org> body=BinaryMIME\r\nRCPT TO:<b@example.com>\r\n"
	transaction = "MAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.com>\r\nRCPT TO:<c@example.com>\r\n"
)

// ramble returns a random input of a client.
func ramble(random *rand.Rand) string {
	var b strings.Builder
	b.WriteString("EHLO client.example\r\n")
	if random.IntN(3) > 0 {
		b.WriteString("STARTTLS\r\nEHLO client.example\r\n")
	}
	if random.IntN(3) > 0 {
		b.WriteString("AUTH PLAIN AGFsaWNlAHNlY3JldA==\r\n")
	}
	for range random.IntN(12) {
		switch random.IntN(6) {
		case 0, 1:
			b.WriteString(commandLines[random.IntN(len(commandLines))] + ending(random))
		case 2, 3:
			b.WriteString(transaction + "DATA\r\n" + babble(random) + "\r\n.\r\n")
		case 4:
			b.WriteString([]string{transaction, transaction, binary}[random.IntN(3)])
			for chunks := random.IntN(4); chunks >= 0; chunks-- {
				text, last := babble(random), ""
				if chunks == 0 && random.IntN(3) > 0 { // otherwise the chunks are abandoned
					last = " LAST"
				}
				fmt.Fprintf(&b, "BDAT %d%s\r\n%s", len(text), last, text)
			}
		case 5:
			text := babble(random)
			fmt.Fprintf(&b, "BDAT %d LAST\r\n%s", len(text)+random.IntN(3), text)
		}
	}
	if random.IntN(2) == 0 {
		b.WriteString("QUIT\r\n")
	}
	return b.String()
}

// ending returns a line end, usually CRLF.
func ending(random *rand.Rand) string {
	if random.IntN(12) > 0 {
		return "\r\n"
	}
	return []string{"\n", "\r", "\r\r\n", "\n\r", "\x00\r\n"}[random.IntN(5)]
}

// babble returns a random text of line ends, dots and a few other bytes.
func babble(random *rand.Rand) string {
	var b strings.Builder
	for range random.IntN(20) {
		b.WriteString(scraps[random.IntN(len(scraps))])
	}
	return b.String()
}
