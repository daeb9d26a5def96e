package record

import (
	"strings"
	"testing"

	"github.com/letterlock/letterlock/internal/wire"
)

// conversationOf reads lines such as "C> text" (a command of the client), "C~ text"
// (another line of it), "S> text" (to the client), "B< text" and "B> text". In text,
// \r\n is a line end; a "|" at the end stands for none.
func conversationOf(t *testing.T, protocol, lines string, texts bool) *Conversation {
	t.Helper()
	c := NewConversation(protocol, 1<<20, texts)
	sides := map[string]struct {
		side Side
		kind wire.Tapped
	}{
		"C>": {FromClient, wire.Command}, "C~": {FromClient, wire.Line}, "C=": {FromClient, wire.Text}, "C:": {FromClient, wire.Raw},
		"S>": {ToClient, wire.Raw}, "B<": {ToBackend, wire.Raw}, "B>": {FromBackend, wire.Line}, "B=": {FromBackend, wire.Text}, "B:": {FromBackend, wire.Raw},
	}
	for line := range strings.Lines(lines) {
		word, text, ok := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		of, known := sides[word]
		if !ok || !known {
			t.Fatalf("%q", line)
		}
		text, open := strings.CutSuffix(text, "|")
		text = strings.ReplaceAll(text, `\r\n`, "\r\n")
		if !open {
			text += "\r\n"
		}
		c.Add(of.side, of.kind, []byte(text))
	}
	c.finish(true)
	return c
}

// hidden are the secrets in the conversations of the test, plain and in base64.
var hidden = []string{"hunter22", "AGFsaWNlAGh1bnRlcjIy", "aHVudGVyMjI", "c4c9334bac560ecc979e58001b3e22fb", "YzRjOTMzNGJhYzU2MGVjYzk3OWU1ODAwMWIzZTIyZmI", "dG9rZW4tYWJj", "token-abc"}

// No secret passes, in no protocol and no form; commands and replies do.
func TestH18_SecretsAreMasked(t *testing.T) {
	for name, c := range map[string]struct {
		protocol, lines string
		wants           []string
	}{
		"IMAP LOGIN": {"imap", "S> * OK ready\nC> a LOGIN alice hunter22\nB< L1 LOGIN \"alice\" \"hunter22\"\nB> L1 OK [CAPABILITY IMAP4rev1] in\nS> a OK in\nC: b SELECT INBOX",
			[]string{"C: a LOGIN alice xxxxxxxx", `B< L1 LOGIN "alice" "xxxxxxxx"`, "S: a OK in", "C: b SELECT INBOX"}},
		"quoted":              {"imap", "C> a LOGIN \"alice\" \"hunter22\"", []string{`C: a LOGIN "alice" "xxxxxxxx"`}},
		"escaped":             {"imap", "C> a LOGIN alice \"hunter22\\\"hunter22\"\nS> a BAD hunter22\"hunter22", []string{`"xxxxxxxx"`}},
		"literals":            {"imap", "C> a LOGIN {5}\nS> + go\nC= alice|\nC~  {8}\nS> + go\nC= hunter22|\nC~ \nS> a OK", []string{"C: a LOGIN {8}", "C: xxxxxxxx {8}", "C: xxxxxxxx", "S: a OK"}},
		"one literal":         {"imap", "C> a LOGIN alice {8+}\nC= hunter22|\nC~ ", []string{"C: a LOGIN alice {8+}", "C: xxxxxxxx"}},
		"three words":         {"imap", "C> a LOGIN alice hunter22 hunter22", []string{"C: a LOGIN [23 bytes]"}},
		"without tag":         {"imap", "C> LOGIN alice hunter22\nS> LOGIN BAD what is hunter22", []string{"C: [20 bytes]", "S: LOGIN BAD what is xxxxxxxx"}},
		"as a tag":            {"imap", "C> hunter22 NOOP x\nS> hunter22 BAD what", []string{"C: [15 bytes]", "S: xxxxxxxx BAD what"}},
		"repeated":            {"imap", "C> a LOGIN alice hunter22\nB> * BAD LOGIN alice hunter22 is wrong", []string{"* BAD LOGIN alice xxxxxxxx is wrong"}},
		"before it was known": {"imap", "S> * OK try hunter22\nC> a LOGIN alice hunter22", []string{"* OK try xxxxxxxx"}},
		"IMAP SASL":           {"imap", "C> a AUTHENTICATE PLAIN AGFsaWNlAGh1bnRlcjIy\nB< L AUTHENTICATE LOGIN\nB> + VXNlcm5hbWU6\nB< YWxpY2U=\nB> + UGFzc3dvcmQ6\nB< aHVudGVyMjI=\nB> L NO hunter22", []string{"a AUTHENTICATE PLAIN AGFsaWNlAHh4eHh4eHh4", "B< YWxpY2U=", "B< eHh4eHh4eHg="}},
		"continuation":        {"imap", "C> a AUTHENTICATE PLAIN\nS> + \nC~ AGFsaWNlAGh1bnRlcjIy\nS> a OK in", []string{"C: AGFsaWNlAHh4eHh4eHh4", "S: a OK in"}},
		"cancelled":           {"imap", "C> a AUTHENTICATE PLAIN\nS> + \nC~ *\nS> a BAD\nC> hunter22", []string{"C: *", "C: [8 bytes]"}},
		"malformed":           {"imap", "C> a AUTHENTICATE PLAIN\nS> + \nC~ hunter22 \nS> a BAD", []string{"C: [9 bytes]"}},
		"OAuth":               {"imap", "C> a AUTHENTICATE XOAUTH2 dXNlcj1hbGljZQFhdXRoPUJlYXJlciB0b2tlbi1hYmMBAQ==\nS> a NO token-abc", []string{"a AUTHENTICATE XOAUTH2 dXNlcj1hbGljZQFhdXRoPUJlYXJlciB4eHh4eHh4eAEB"}},
		"CRAM-MD5":            {"imap", "C> a AUTHENTICATE CRAM-MD5\nS> + PDFAYj4=\nC~ YWxpY2UgYzRjOTMzNGJhYzU2MGVjYzk3OWU1ODAwMWIzZTIyZmI=", []string{"C: YWxpY2Ug"}},
		"unknown mechanism":   {"imap", "C> a AUTHENTICATE hunter22 hunter22", []string{"C: a AUTHENTICATE [17 bytes]"}},
		"ID":                  {"imap", "C> a ID (\"name\" \"hunter22\")\nS> * ID (\"token\" \"hunter22\")", []string{`a ID ("xxxxxxxx" "xxxxxxxx")`, `* ID ("xxxxxxxx" "xxxxxxxx")`}},
		"messages":            {"imap", "C: a APPEND x {8}\nS> + go\nC: hunter22\nS> * 1 FETCH (UID 7 BODY[] {8}\nS> hunter22)\nS> * 2 FETCH (FLAGS (\\Seen) UID 8)\nS> * 3 FETCH (BODY[] \"hunter22\")", []string{"C: a APPEND x {8}", "C: ${x*8}", "S: * 1 FETCH [14 bytes]{8}", "S: ${x*8})", `S: * 2 FETCH (FLAGS (\Seen) UID 8)`, "S: * 3 FETCH [19 bytes]"}},
		"a search":            {"imap", "C: a UID SEARCH TEXT \"hunter22\"", []string{`a UID SEARCH TEXT "xxxxxxxx"`}},
		"idling":              {"imap", "C: a IDLE\nS> + idling\nS> * 4 EXISTS\nC: DONE\nS> a OK", []string{"S: + idling", "S: * 4 EXISTS", "C: DONE"}},
		"SMTP":                {"smtp", "C> AUTH PLAIN AGFsaWNlAGh1bnRlcjIy\nS> 235 ok\nC> AUTH hunter22\nC> hunter22\nC> AUTH LOGIN\nS> 334 VXNlcm5hbWU6\nC~ YWxpY2U=\nS> 334 UGFzc3dvcmQ6\nC~ aHVudGVyMjI=\nS> 235 ok", []string{"C: AUTH PLAIN AGFsaWNlAHh4eHh4eHh4", "S: 235 ok", "C: AUTH [8 bytes]", "C: YWxpY2U=", "C: eHh4eHh4eHg="}},
		"XCLIENT":             {"smtp", "C> XCLIENT LOGIN=hunter22\nC> NOOP hunter22\nB< XCLIENT ADDR=192.0.2.1", []string{"C: XCLIENT [14 bytes]", "C: [13 bytes]", "B~ XCLIENT .*"}},
		"a message":           {"smtp", "C> MAIL FROM:<a@b>\nC> DATA\nS> 354 go\nC= Subject: hunter22\\r\\nhunter22\\r\\n.\nS> 250 ok\nB< DATA\nB> 354 go\nB< Received: from x\\r\\n\tby y\\r\\nSubject: hunter22\\r\\nhunter22\\r\\n.", []string{"C: MAIL FROM:<a@b>", "C: [25 bytes]\nC: .", "S: 250 ok", "B~ Received:.*\nB~ \\s.*\nB< [25 bytes]\nB< ."}},
		"a line like the end": {"smtp", "C> DATA\nS> 354 go\nC= hunter22\\r\\n.\\r\\nRCPT TO:<hunter22>\nS> 250 ok", []string{"C: .\nC| [20 bytes]\nS: 250"}},
		"a chunk":             {"smtp", "C> BDAT 10 LAST\nC= hunter22\nC> QUIT\nS> 221 bye", []string{"C: BDAT 10 LAST\nC: ${x*8}\nC: QUIT"}},
		"an odd chunk":        {"smtp", "C> BDAT 8\nC= hunter22|\nC> QUIT", []string{"C: BDAT 8\nC| ${x*8}\nC: QUIT"}},
		"POP3":                {"pop3", "S> +OK ready\nC> USER alice\nS> +OK\nC> PASS hunter22 22\nB< PASS hunter22 22\nB> -ERR hunter22 22 is wrong\nS> -ERR no\nC> APOP alice c4c9334bac560ecc979e58001b3e22fb", []string{"C: USER alice", "C: PASS xxxxxxxx", "B< PASS xxxxxxxx", "C: APOP alice c59e84"}},
		"a mailbox":           {"pop3", "C: RETR 1\nS> +OK 20\nS> hunter22\nS> .\nC: LIST\nS> +OK\nS> 1 20\nS> .\nC: QUIT\nS> +OK bye", []string{"S: [8 bytes]\nS: .", "S: 1 20", "S: +OK bye"}},
		"sieve":               {"sieve", "S> \"SASL\" \"PLAIN\"\nS> OK\nC> AUTHENTICATE \"PLAIN\" \"AGFsaWNlAGh1bnRlcjIy\"\nS> OK\nC: PUTSCRIPT \"x\" {8+}\nC: hunter22\nS> OK", []string{`C: AUTHENTICATE "PLAIN" "AGFsaWNlAHh4`, "C: PUTSCRIPT \"x\" {8+}\nC: ${x*8}", `S: "SASL" "PLAIN"`}},
		"sieve, counted":      {"sieve", "C> AUTHENTICATE \"PLAIN\" {20+}\nC= AGFsaWNlAGh1bnRlcjIy|\nC~ \nS> NO hunter22", []string{"C: AUTHENTICATE \"PLAIN\" {20+}\nC: AGFsaWNlAHh4eHh4eHh4"}},
		"another protocol":    {"lmtp", "C> LHLO hunter22\nS> 250 hunter22", []string{"C: [13 bytes]"}},
	} {
		t.Run(name, func(t *testing.T) {
			conversation := conversationOf(t, c.protocol, c.lines, false)
			dialog, readable := conversation.Dialog(Facts{ID: "4kzq", Hostname: "mail.example.net", About: []string{"A test."}})
			for _, secret := range hidden {
				if strings.Contains(dialog+readable, secret) {
					t.Errorf("%s is in\n%s\n%s", secret, dialog, readable)
				}
			}
			for _, want := range c.wants {
				if !strings.Contains(dialog, want) {
					t.Errorf("no %q in\n%s", want, dialog)
				}
			}
		})
	}
}

// The texts of messages pass if they are asked for, and passwords do not.
func TestTexts(t *testing.T) {
	for name, c := range map[string]struct{ protocol, lines, want string }{
		"SMTP": {"smtp", "C> AUTH PLAIN AGFsaWNlAGh1bnRlcjIy\nS> 235 ok\nC> DATA\nS> 354 go\nC= Subject: x\\r\\n\\r\\nmine is hunter22\\r\\n.", "C: Subject: x\nC: \nC: mine is xxxxxxxx\nC: ."},
		"IMAP": {"imap", "C: a APPEND x {15}\nS> + go\nC: one\\r\\ntwo\\r\\nthree", "C: one\nC: two\nC: three"},
		"POP3": {"pop3", "C: RETR 1\nS> +OK 20\nS> one \x01 ${x*5}\nS> .", `S~ one .* \$\{x\*5\}`},
	} {
		dialog, _ := conversationOf(t, c.protocol, c.lines, true).Dialog(Facts{Texts: true})
		if !strings.Contains(dialog, c.want) || strings.Contains(dialog, "hunter22") {
			t.Errorf("%s: no %q in\n%s", name, c.want, dialog)
		}
	}
}

// The proxy may pass a part of a text on before the rest arrives. A replay sends the
// text as a whole, and must not wait for that part before.
func TestTextInPieces(t *testing.T) {
	for name, pieces := range map[string]string{
		"after a line": "C= Subject: x\nB< Received: from\nB< Subject: x\nC= more\\r\\n.\nB< more\\r\\n.",
		"in a line":    "C= Subj|\nB< Received: from\\r\\nSubj|\nC= ect: x\\r\\nmore\\r\\n.\nB< ect: x\\r\\nmore\\r\\n.",
	} {
		dialog, _ := conversationOf(t, "smtp", "C> DATA\nB< DATA\nB> 354 go\nS> 354 go\n"+pieces, false).Dialog(Facts{})
		if want := "C: [14 bytes]\nB~ Received:.*\nC: .\nB< [14 bytes]\nB< .\n"; !strings.Contains(dialog, want) {
			t.Errorf("%s: no %q in\n%s", name, want, dialog)
		}
	}
}

// A conversation is bounded, however its bytes are spread.
func TestConversationIsBounded(t *testing.T) {
	for _, piece := range []string{"a SELECT x\r\n", strings.Repeat("x", 1000), "\x00", "a FETCH 1 BODY[] {999999999}\r\nx"} {
		c := NewConversation("imap", 10_000, false)
		n := 0
		for n < 1<<20 && c.Add(FromClient, wire.Raw, []byte(piece)) {
			n++
		}
		if size := len(c.streams[FromClient].line) + len(c.steps)*stepCost; size > maxLine+20_000 {
			t.Errorf("%q: %d bytes after %d pieces", piece, size, n)
		}
	}
}
