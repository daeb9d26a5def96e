package smarthost

import (
	"strings"
	"testing"

	"github.com/letterlock/letterlock/smtp/syntax"
)

func TestQuote(t *testing.T) {
	const intro = "451 4.4.0 Host mx refused us: "
	for text, want := range map[string]string{
		"554 5.7.1 no\r\n": "451 4.4.0 Host mx refused us: 554 5.7.1 no",
		"554-5.7.1 blocked\r\n554-5.7.1 see https://example.net\r\n554 5.7.1 bye\r\n": "451-4.4.0 Host mx refused us: 554-5.7.1 blocked\r\n451-4.4.0 554-5.7.1 see https://example.net\r\n451 4.4.0 554 5.7.1 bye",
		"554-a\x1b[2J\r\n554\r\n":                           "451-4.4.0 Host mx refused us: 554-a?[2J\r\n451 4.4.0 554",
		strings.Repeat("554-x\r\n", 99) + "554 x\r\n":       "451-4.4.0 Host mx refused us: 554-x\r\n" + strings.Repeat("451-4.4.0 554-x\r\n", maxQuoted-1) + "451 4.4.0 (and 80 more lines)",
		"554 " + strings.Repeat("x", maxReplyLine) + "\r\n": "451 4.4.0 Host mx refused us: 554 " + strings.Repeat("x", syntax.MaxPrintable-4),
	} {
		got := quote(syntax.Reply{Text: []byte(text)}, intro)
		if got != want {
			t.Errorf("%.80q became %q", text, got)
		}
		for line := range strings.SplitSeq(got, "\r\n") {
			if code, _, err := syntax.ReplyLine([]byte(line)); err != nil || code != 451 || !strings.HasPrefix(line[4:], "4.4.0 ") || len(line) > 510 {
				t.Errorf("%.80q contains %q", text, line)
			}
		}
	}
}
