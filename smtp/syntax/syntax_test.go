package syntax

import (
	"strings"
	"testing"
)

func TestCommand(t *testing.T) {
	for line, want := range map[string][2]string{
		"NOOP":                        {"NOOP", ""},
		"mail FROM:<a@b.example>":     {"MAIL", "FROM:<a@b.example>"},
		"EHLO \t client.example.com ": {"EHLO", "client.example.com"},
		" NOOP":                       {"", ""},
		"\tNOOP x":                    {"", "x"},
		"XCLIENT1 ADDR=192.0.2.1":     {"", ""},
		"":                            {"", ""},
	} {
		verb, args := Command(line)
		if verb != want[0] || verb != "" && args != want[1] {
			t.Errorf("%q is %q, %q", line, verb, args)
		}
	}
}

func TestParsePath(t *testing.T) {
	for args, want := range map[string]string{
		"FROM:<a@b.example>":             "FROM:<a@b.example>",
		"from: <a@b.example> SIZE=7":     "FROM:<a@b.example> SIZE=7",
		"FROM:a@b.example BODY=8BITMIME": "FROM:<a@b.example> BODY=8BITMIME",
		"FROM:<>":                        "FROM:<>",
		`FROM:<"a> b\""@c.example>`:      `FROM:<"a> b\""@c.example>`,
		"FROM:":                          "",
		"FROM <a@b.example>":             "",
		"FROM:<a@b.example":              "",
		"FROM:<a@b.example>SIZE=7":       "",
		"FROM:<a@b.example <c>>":         "",
		"FROM:a@b.example>":              "",
		"TO:<a@b.example>":               "",
	} {
		p, err := ParsePath(args, "FROM")
		if (err == nil) != (want != "") || err == nil && p.Line("FROM:") != want {
			t.Errorf("%q is %+v, %v", args, p, err)
		}
	}
	if p := (Path{Params: "size=7 SMTPUTF8"}); !p.Has("SIZE") || !p.Has("smtputf8") || p.Has("BODY") {
		t.Errorf("%+v", p)
	}
}

// FuzzPath checks that a path that is written and read again is the same.
func FuzzPath(f *testing.F) {
	f.Add(`FROM:<"a> b"@c.example> SIZE=7`)
	f.Fuzz(func(t *testing.T, args string) {
		p, err := ParsePath(args, "FROM")
		if err != nil {
			return
		}
		if again, err := ParsePath(p.Line("FROM:"), "FROM"); err != nil || again.Address != p.Address || strings.TrimSpace(again.Params) != strings.TrimSpace(p.Params) {
			t.Errorf("%q is %+v, and then %+v, %v", args, p, again, err)
		}
	})
}

func TestReplyLine(t *testing.T) {
	for line, want := range map[string]struct {
		code int
		last bool
	}{
		"250 OK": {250, true}, "250": {250, true}, "250-SIZE": {250, false}, "421 ": {421, true},
		"150 x": {}, "650 x": {}, "25": {}, "25x y": {}, "250+": {}, "": {},
	} {
		code, last, err := ReplyLine([]byte(line))
		if code != want.code || last != want.last || (err == nil) != (want.code != 0) {
			t.Errorf("%q is %d, %t, %v", line, code, last, err)
		}
	}
}
