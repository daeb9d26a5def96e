package sieve

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/letterlock/letterlock/internal/test/gatetest"
)

func TestLex(t *testing.T) {
	for line, want := range map[string][]token{
		"":                         nil,
		"  NOOP  ":                 {{atom, "NOOP"}},
		`A "b c" ""`:               {{atom, "A"}, {quoted, "b c"}, {quoted, ""}},
		`"a\"b\\c"`:                {{quoted, `a"b\c`}},
		`"{5+}"`:                   {{quoted, "{5+}"}},
		`OK (SASL "x") "y"`:        {{atom, "OK"}, {opening, "("}, {atom, "SASL"}, {quoted, "x"}, {closing, ")"}, {quoted, "y"}},
		`NO (QUOTA/MAXSIZE (A) 1)`: {{atom, "NO"}, {opening, "("}, {atom, "QUOTA/MAXSIZE"}, {opening, "("}, {atom, "A"}, {closing, ")"}, {atom, "1"}, {closing, ")"}},
		"\"gr\u00fcn\"":            {{quoted, "gr\u00fcn"}},
	} {
		got, size, err := lex(line, byClient, true)
		if err != nil || size != noLiteral || !slices.Equal(got, want) {
			t.Errorf("%s: %v, %d, %v", line, got, size, err)
		}
	}
}

// TestAnnounced checks that a literal is accepted in one form only, and refused
// before memory is allocated.
func TestAnnounced(t *testing.T) {
	for line, want := range map[string]struct {
		by   sender
		size int
		err  error
	}{
		"A {0+}":                      {byClient, 0, nil},
		"A {5+}":                      {byClient, 5, nil},
		"A {2147483647+}":             {byClient, 2147483647, nil},
		"A {2147483648+}":             {byClient, noLiteral, errTooLong},
		"A {4294967295+}":             {byClient, noLiteral, errTooLong},
		"A {99999999999999999999+}":   {byClient, noLiteral, errTooLong},
		"A {5}":                       {byClient, noLiteral, errFraming}, // would wait for leave
		"A {05+}":                     {byClient, noLiteral, errFraming},
		"A {-1+}":                     {byClient, noLiteral, errFraming},
		"A {+5+}":                     {byClient, noLiteral, errFraming},
		"A {5++}":                     {byClient, noLiteral, errFraming},
		"A {+}":                       {byClient, noLiteral, errFraming},
		"A {}":                        {byClient, noLiteral, errFraming},
		"A {5+} x":                    {byClient, noLiteral, errFraming},
		"A {5+} ":                     {byClient, noLiteral, errFraming},
		"A {5+":                       {byClient, noLiteral, errFraming},
		"A{5+}":                       {byClient, noLiteral, errFraming},
		`A "b"{5+}`:                   {byClient, noLiteral, errFraming},
		`A "open {5+}`:                {byClient, noLiteral, errFraming},
		`A "open {5+} `:               {byClient, noLiteral, errFraming},
		`A "a\" {5+}`:                 {byClient, noLiteral, errFraming},
		`A "open`:                     {byClient, noLiteral, errMalformed},
		`A "bad \n escape"`:           {byClient, noLiteral, errMalformed},
		`A "b""c"`:                    {byClient, noLiteral, errMalformed},
		"A \x7f":                      {byClient, noLiteral, errMalformed},
		"A \u00fc":                    {byClient, noLiteral, errMalformed},
		"{5}":                         {byServer, 5, nil},
		"{5+}":                        {byServer, 5, nil},
		"{" + strings.Repeat("9", 99): {byServer, noLiteral, errFraming},
	} {
		_, size, err := lex(line, want.by, true)
		if size != want.size || !errors.Is(err, want.err) {
			t.Errorf("%s: %d, %v; want %d, %v", line, size, err, want.size, want.err)
		}
	}
}

func TestSentence(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		by   sender
		want []token
		left string
		err  error
	}{
		"one line":       {"A \"b\"\r\nB\r\n", byClient, []token{{atom, "A"}, {quoted, "b"}}, "B\r\n", nil},
		"literal":        {"A {3+}\r\nb\r\n\r\nB\r\n", byClient, []token{{atom, "A"}, {literal, "b\r\n"}}, "B\r\n", nil},
		"two literals":   {"A {1+}\r\nb {2+}\r\ncd e\r\n", byClient, []token{{atom, "A"}, {literal, "b"}, {literal, "cd"}, {atom, "e"}}, "", nil},
		"in a code":      {"OK (TAG {2}\r\n\"x) {1}\r\ny\r\n", byServer, []token{{atom, "OK"}, {opening, "("}, {atom, "TAG"}, {literal, `"x`}, {closing, ")"}, {literal, "y"}}, "", nil},
		"no space":       {"A {1+}\r\nbc\r\n", byClient, nil, "", errMalformed},
		"too long":       {"A {101+}\r\n", byClient, nil, "", errTooLong},
		"together":       {"A {60+}\r\n" + strings.Repeat("x", 60) + " {60+}\r\n", byClient, nil, "", errTooLong},
		"too many":       {"A" + strings.Repeat(" a", 99) + "\r\nB\r\n", byClient, nil, "B\r\n", errMalformed},
		"many literals":  {"A" + strings.Repeat(" {0+}\r\n", 99), byClient, nil, strings.Repeat(" {0+}\r\n", 34), errTooLong},
		"announced late": {"A" + strings.Repeat(" a", 99) + " {1+}\r\nB\r\n", byClient, nil, "B\r\n", errTooLong},
	} {
		client := &gatetest.Client{Text: []byte(c.text), Piece: func() int { return 2000 }}
		conn := client.FrontConn()
		line, err := conn.ReadLine()
		if err != nil {
			t.Fatal(err)
		}
		got, err := readSentence(conn.ForGate(), line, c.by, 100, true)
		_, buffered, _ := conn.Detach()
		left := string(buffered) + string(client.Text)
		if !errors.Is(err, c.err) || !slices.Equal(got, c.want) || left != c.left {
			t.Errorf("%s: %v, %v, left %q", name, got, err, left)
		}
	}
}

func TestResponse(t *testing.T) {
	for line, want := range map[string]string{
		`OK`:                       `OK`,
		`ok "done"`:                `OK "done"`,
		`OK (SASL "cnNwYXV0aA==")`: `OK (SASL "cnNwYXV0aA==")`,
		`NO (AUTH-TOO-WEAK) "x"`:   `NO (AUTH-TOO-WEAK) "x"`,
		`BYE (REFERRAL "sieve://legacy.lan") "go there"`: `BYE "go there"`,
		`BYE (referral "sieve://legacy.lan")`:            `BYE`,
		`NO (X (Y "z") 1) "a\"b"`:                        `NO (X (Y "z") 1) "a\"b"`,
		`NO ()`:                                          `NO`,

		``:               "none",
		`"OK"`:           "none",
		`YES`:            "none",
		`OK done`:        "none",
		`OK "a" "b"`:     "none",
		`OK (A "b"`:      "none",
		`OK "b" (A)`:     "none",
		`OK ) "b"`:       "none",
		`OK (A) (B) "c"`: "none",
	} {
		words, _, err := lex(line, byServer, true)
		if err != nil {
			t.Fatal(err)
		}
		got := "none"
		if r, ok := parseResponse(words); ok {
			got = r.String()
		}
		if got != want {
			t.Errorf("%s is %s, want %s", line, got, want)
		}
	}
}

func TestRequest(t *testing.T) {
	short, long := strings.Repeat("A", 1024), strings.Repeat("A", 1025)
	if got := request(short); got != `"`+short+`"` {
		t.Errorf("1024 bytes are %.20s…", got)
	}
	if got := request(long); got != "{1025+}\r\n"+long {
		t.Errorf("1025 bytes are %.20s…", got)
	}
}
