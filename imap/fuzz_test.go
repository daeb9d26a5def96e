package imap

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/letterlock/letterlock/internal/dialog"
	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/test/gatetest"
)

// FuzzCommand checks that only the tag of a line is repeated, that its literal
// is one that every reader sees, and that the parsed command makes up the line.
func FuzzCommand(f *testing.F) {
	for _, seed := range []string{
		"a NOOP", "a LOGIN joe secret", `a LOGIN "jo\"e" "{3}"`, "a LOGIN {3}", "a LOGIN {3+}", "a ID (\"x\" {4294967296+}",
		"a X \"{1}", "a {1}", "{1} a", "* NOOP", "a+b X", "", " ", "a LOGIN ~{5}", "a AUTHENTICATE PLAIN AA==",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, line string) {
		if strings.ContainsAny(line, "\r\n\x00") {
			return
		}
		cmd, err := parseCommand(line)
		if cmd.tag != "*" && (!isTag(cmd.tag) || !strings.HasPrefix(line, cmd.tag)) {
			t.Fatalf("tag %q", cmd.tag)
		}
		if err != nil {
			return
		}
		read := cmd.tag + " " + cmd.name + cmd.args.text + announcement(cmd.next)
		if cmd.next.size < math.MaxInt32 && !strings.EqualFold(read, line) {
			t.Fatalf("read %q", read)
		}
	})
}

func announcement(l literal) string {
	switch {
	case !l.announced:
		return ""
	case l.waits:
		return "{" + strconv.Itoa(l.size) + "}"
	}
	return "{" + strconv.Itoa(l.size) + "+}"
}

// FuzzBeforeTLS checks that before TLS there is no "+", that nothing of a
// client is repeated except its tags, and that the session ends without TLS.
func FuzzBeforeTLS(f *testing.F) {
	for _, seed := range []string{
		"a CAPABILITY\r\nb LOGOUT\r\n", "a LOGIN {3+}\r\njoe {6}\r\n", "a LOGIN {3+}\r\nx \r\r\n", "a ID (\"x\" {3}\r\n",
		"a STARTTLS\r\nb NOOP\r\n", "a STARTTLS\nb NOOP\r\n", "a NOOP {3+}\r\nabc\r\n", "GET / HTTP/1.1\r\n", "a {\n\x00\r\n\r\n",
		"a LOGIN \"{5+}\r\nx NOOP\r\n", "a AUTHENTICATE PLAIN =\r\n*\r\n",
	} {
		f.Add(seed, byte(3))
	}
	for _, said := range dialog.Said(f, "testdata/*.dialog", 'C') {
		f.Add(said, byte(99))
	}
	f.Fuzz(func(t *testing.T, text string, piece byte) {
		client := clientSending(text, int(piece))
		s := gatetest.Session(5)
		g, front := New(s), client.Front()
		err := g.Secure(front)
		if err == nil {
			t.Fatal("no error without TLS")
		}
		g.Refuse(front, gate.ReasonOf(err))
		_ = front.Flush()
		for line := range strings.Lines(client.Output.String()) {
			tag, rest, _ := strings.Cut(line, " ")
			if tag == "+" && strings.Contains(strings.ToUpper(text), " ID") { // only the literals of ID are invited
				continue
			}
			status, words, _ := strings.Cut(rest, " ")
			if tag != "*" && !isTag(tag) || strings.HasPrefix(words, "[CAPABILITY") != (tag == "*" && status == "OK") {
				t.Fatalf("output %q", line)
			}
			if !slices.Contains([]string{"OK", "NO", "BAD", "BYE", "CAPABILITY", "ID"}, status) {
				t.Fatalf("output %q", line)
			}
		}
	})
}

// FuzzLogin checks that after TLS the backend receives only whole commands that
// the gate has built, and responses where it has asked for one, and that only
// its OK ends the gate.
func FuzzLogin(f *testing.F) {
	for _, seed := range []string{
		"a LOGIN demo demo\r\nb SELECT x\r\n", "a LOGIN {4}\r\ndemo {4+}\r\ndemo\r\n", "a LOGIN \"\xc3\xa9\" {2+}\r\n\r\n\r\n",
		"a ID (\"x-originating-ip\" \"1\" \"n\\\"\" {3+}\r\na{1 \"v\" NIL)\r\n", "a AUTHENTICATE PLAIN\r\nAGRlbW8AZGVtbw==\r\n",
		"a AUTHENTICATE LOGIN\r\nL1 LOGOUT\r\n", "a AUTHENTICATE PLAIN =\r\n*\r\nb CAPABILITY\r\n", "a STARTTLS\r\nb LOGOUT\r\n",
		"a LOGIN x {14+}\r\nb\r\nL2 ID NIL \r\n", "a NOOP\nb LOGIN x {3}\n",
	} {
		f.Add(seed, byte(3), true)
		f.Add(seed, byte(99), false)
	}
	for _, said := range dialog.Said(f, "testdata/*.dialog", 'C') {
		f.Add(said, byte(99), true)
	}
	f.Fuzz(func(t *testing.T, text string, piece byte, literals bool) {
		back, greeting, said := newAccount(), minus, false
		if literals {
			greeting = plus
		}
		back.answer = func(cmd command) string {
			checkReceived(t, cmd, back.exchange != "")
			reply := back.reply(cmd)
			said = said || strings.Contains(reply, " OK Logged in")
			return reply
		}
		_, err := settled(gatetest.Session(9), clientSending(text, int(piece)), &back.server, greeting)
		if err == nil != said {
			t.Fatalf("%v, although the backend has said OK: %v", err, said)
		}
		if len(back.partial) > 0 && err == nil {
			t.Fatalf("half a command: %q", back.partial)
		}
	})
}

// checkReceived fails a test whose backend has received a command that must not
// be forwarded.
func checkReceived(t *testing.T, cmd command, exchange bool) {
	args := cmd.args
	var ok bool
	switch {
	case exchange && cmd.tag == "?":
		ok = cmd.name == "*" || cmd.name == "=" || isBase64(cmd.name)
	case exchange: // a response that looks like a tag; see readRequest
		ok = false
	case cmd.name == "LOGIN":
		_, _, ok = args.credentials()
	case cmd.name == "AUTHENTICATE":
		_, _, ok = args.mechanism()
	case cmd.name == "ID":
		var fields []field
		fields, ok = parseID(args)
		ok = ok && !slices.ContainsFunc(fields, func(f field) bool { return !f.allowed() })
	default:
		ok = args.done() && (cmd.name == "CAPABILITY" || cmd.name == "LOGOUT")
	}
	if !ok {
		t.Fatalf("the backend received %+v", cmd)
	}
}

// FuzzID checks that the forwarded ID is a valid ID with the client's fields,
// without those that only a proxy may send.
func FuzzID(f *testing.F) {
	for _, seed := range []string{
		` NIL`, ` ()`, ` ("name" "x")`, ` ("X-Originating-IP" "192.0.2.1" "name" NIL)`, ` ("n\"\\" "\"")`, ` (" x-a" "")`, ` ("é" "ü")`,
	} {
		f.Add(seed, "", "", true)
	}
	f.Add(` (`, "x-session-id", ` "x")`, true)
	f.Add(` ("a" `, "b {3}", ` "c" NIL)`, false)
	f.Fuzz(func(t *testing.T, text, lit, behind string, plus bool) {
		args := arguments{text: text}
		if lit != "" {
			args.add(lit, behind)
		}
		fields, ok := parseID(args)
		if !ok {
			return
		}
		g := New(gatetest.Session(9))
		g.offer = strings.Fields(map[bool]string{true: "LITERAL+"}[plus])
		cmd, used, _ := readRequest([]byte(strings.Join(g.idRequest(fields).pieces, "")))
		passed, ok := parseID(cmd.args)
		want := slices.DeleteFunc(fields, func(f field) bool { return !f.allowed() })
		if used == 0 || cmd.name != "ID" || !ok || !slices.Equal(passed, want) {
			t.Fatalf("%+v became %+v", fields, cmd)
		}
	})
}

// FuzzCapabilities checks that each word offered is one of the backend's, and
// that no capability that cannot work through the proxy is offered.
func FuzzCapabilities(f *testing.F) {
	f.Add("IMAP4rev1 STARTTLS LOGINDISABLED AUTH=PLAIN AUTH=X-PLUS AUTH=EXTERNAL", "", true)
	f.Add("  imap4REV2 auth=anonymous Auth= XCLIENT  LOGIN-referrals", "PLAIN", false)
	f.Fuzz(func(t *testing.T, list, hide string, authAllowed bool) {
		mechanisms := &gate.Mechanisms{Hidden: strings.Fields(hide)}
		offered := strings.Fields(list)
		got := shown(offered, mechanisms, authAllowed)
		for i, word := range got {
			upper := strings.ToUpper(word)
			if !authAllowed && i == len(got)-1 && word == "LOGINDISABLED" {
				continue
			}
			mechanism, auth := strings.CutPrefix(upper, "AUTH=")
			if _, hide := hidden[upper]; hide || auth && (!authAllowed || !mechanisms.Allows(mechanism)) || !slices.Contains(offered, word) {
				t.Fatalf("offered %q of %q", word, offered)
			}
		}
		if again := shown(got, mechanisms, authAllowed); !slices.Equal(again, got) {
			t.Fatalf("%q, and again %q", got, again)
		}
	})
}

// FuzzBackend checks that no backend causes a panic or a login without its OK,
// and that none of our response codes names the backend or weakens the client's
// TLS.
func FuzzBackend(f *testing.F) {
	f.Add("* OK hi|* CAPABILITY IMAP4rev1 AUTH=LOGIN\nL1 OK x|L2 NO [REFERRAL imap://a/] x|+ x|+ x|L3 OK in")
	f.Add("* OK [CAPABILITY ID AUTH=LOGIN]|* ID (\"x\" {3}\nabc)\nL1 OK [CAPABILITY STARTTLS]|* BYE [referral imap://[::1]/")
	f.Add("* PREAUTH hi")
	f.Add("* OK|* BYE")
	f.Add("* OK [CAPABILITY ID]|* ID {99999999999}\n")
	for _, said := range dialog.Said(f, "testdata/*.dialog", 'B') {
		f.Add(strings.ReplaceAll(said, "\r\n", "|"))
	}
	f.Fuzz(func(t *testing.T, text string) {
		replies := strings.Split(strings.ReplaceAll(text, "\n", crlf), "|")
		back := &server{}
		back.answer = func(command) (reply string) {
			if len(replies) > 0 {
				reply, replies = replies[0]+crlf, replies[1:]
			}
			return reply
		}
		greeting := strings.TrimSuffix(back.answer(command{}), crlf)
		client := clientSending("a ID NIL\r\nb LOGIN a b\r\nc AUTHENTICATE LOGIN\r\nYQ==\r\nYQ==\r\n", 7)
		_, err := settled(gatetest.Session(9), client, back, greeting)
		if err == nil && !strings.Contains(strings.ToUpper(text), " OK") {
			t.Fatal("logged in without the backend's OK")
		}
		for line := range strings.Lines(client.Output.String()) {
			_, rest, _ := strings.Cut(line, " ")
			status, words, _ := strings.Cut(rest, " ")
			name, list, _ := cutCode(words)
			if !isStatus(strings.ToUpper(status)) || strings.Contains(text, "{") {
				continue // data, or a part of its literal
			}
			if name == "REFERRAL" || name == "CAPABILITY" && slices.Contains(strings.Fields(strings.ToUpper(list)), "STARTTLS") {
				t.Fatalf("output %q", line)
			}
		}
	})
}
