package imap

import (
	"math"
	"slices"
	"strings"
	"testing"
)

func TestParseCommand(t *testing.T) {
	for line, want := range map[string]command{
		"a NOOP":                {tag: "a", name: "NOOP"},
		"A1.]x noop":            {tag: "A1.]x", name: "NOOP"},
		"a LOGIN {5}":           {tag: "a", name: "LOGIN", args: arguments{text: " "}, next: literal{true, true, 5}},
		"a LOGIN x {5+}":        {tag: "a", name: "LOGIN", args: arguments{text: " x "}, next: literal{true, false, 5}},
		"a LOGIN \"{5}\" {0}":   {tag: "a", name: "LOGIN", args: arguments{text: " \"{5}\" "}, next: literal{true, true, 0}},
		"a LOGIN \"\\\"{\" {1}": {tag: "a", name: "LOGIN", args: arguments{text: " \"\\\"{\" "}, next: literal{true, true, 1}},
		"a LOGIN x pass}":       {tag: "a", name: "LOGIN", args: arguments{text: " x pass}"}},
		"a X {99999999999+}":    {tag: "a", name: "X", args: arguments{text: " "}, next: literal{true, false, math.MaxInt32}},
	} {
		cmd, err := parseCommand(line)
		if err != nil || cmd.tag != want.tag || cmd.name != want.name || cmd.next != want.next || cmd.args.text != want.args.text {
			t.Errorf("%q is %+v, %v", line, cmd, err)
		}
	}
}

func TestParseCommandRefuses(t *testing.T) {
	for line, want := range map[string]struct {
		err error
		tag string
	}{
		"":                              {errTag, "*"},
		" NOOP":                         {errTag, "*"},
		"a+b NOOP":                      {errTag, "*"},
		"a(b NOOP":                      {errTag, "*"},
		"a%b NOOP":                      {errTag, "*"},
		"\x1b[2J NOOP":                  {errTag, "*"},
		"é NOOP":                        {errTag, "*"},
		strings.Repeat("a", 257) + " X": {errTag, "*"},
		"a":                             {errName, "a"},
		"a ":                            {errName, "a"},
		"a  NOOP":                       {errName, "a"},
		"a NO]OP":                       {errName, "a"},
		"a \"NOOP\"":                    {errName, "a"},
		"a \u017ftarttls":               {errName, "a"}, // the long s, whose upper case is an S
		"a {5}":                         {errName, "a"},
		"{5} NOOP":                      {errLiteral, "*"},
		"a NOOP {":                      {errLiteral, "a"},
		"a NOOP {}":                     {errLiteral, "a"},
		"a NOOP {+}":                    {errLiteral, "a"},
		"a NOOP {+5}":                   {errLiteral, "a"},
		"a NOOP {5++}":                  {errLiteral, "a"},
		"a NOOP {5-}":                   {errLiteral, "a"},
		"a NOOP {5} ":                   {errLiteral, "a"},
		"a NOOP { 5}":                   {errLiteral, "a"},
		"a NOOP {0x5}":                  {errLiteral, "a"},
		"a NOOP {1_0}":                  {errLiteral, "a"},
		"a NOOP {00}":                   {errLiteral, "a"},
		"a NOOP {5}{5+}":                {errLiteral, "a"},
		"a NOOP \"x\\\" {5+}":           {errLiteral, "a"},
		"a NOOP x\" {5+}":               {errLiteral, "a"},
	} {
		cmd, err := parseCommand(line)
		if err != want.err || cmd.tag != want.tag {
			t.Errorf("%q: %v under %q, want %v under %q", line, err, cmd.tag, want.err, want.tag)
		}
	}
}

func TestCredentials(t *testing.T) {
	type login struct{ user, password string }
	for text, want := range map[string]login{
		` joe secret`:      {"joe", "secret"},
		` "joe" "se cret"`: {"joe", "se cret"},
		` "j\"e" "\\"`:     {`j"e`, `\`},
		` "" ""`:           {"", ""},
		` joe {secret]}`:   {},
		` joe nil`:         {"joe", "nil"},
		` jo+e a}b]c`:      {"jo+e", "a}b]c"},
		` "josé" x`:        {"josé", "x"},
		` josé x`:          {},
		` joe`:             {},
		` joe `:            {},
		`  joe secret`:     {},
		` joe	secret`:      {},
		` "joe"secret`:     {},
		` "jo\e" secret`:   {},
		` "joe\`:           {},
		` joe se(cret`:     {},
		` joe (secret)`:    {},
		``:                 {},
	} {
		a := arguments{text: text}
		user, password, ok := a.credentials()
		if ok != (want != login{} || text == ` "" ""`) || ok && (login{user, password} != want) {
			t.Errorf("%q is %q %q %v", text, user, password, ok)
		}
	}
}

func TestCredentialsInLiterals(t *testing.T) {
	for _, c := range []struct {
		args arguments
		ok   bool
	}{
		{arguments{" ", []counted{{`j"o\e`, " "}, {"pa ss", ""}}}, true},
		{arguments{" ", []counted{{"joe", " secret"}}}, true},
		{arguments{" joe ", []counted{{"", ""}}}, true},
		{arguments{" joe", []counted{{"x", ""}}}, false},
		{arguments{" ", []counted{{"joe", ""}, {"x", " x"}}}, false},
		{arguments{" ~", []counted{{"joe", " x"}}}, false},
		{arguments{" ", []counted{{"a\r\nb", " x"}}}, false},
		{arguments{" joe ", []counted{{"a\x00b", ""}}}, false},
		{arguments{" joe ", []counted{{"x", " "}}}, true},
	} {
		a := c.args
		if user, password, ok := a.credentials(); ok != c.ok {
			t.Errorf("%q is %q %q %v", c.args, user, password, ok)
		}
	}
}

func TestParseID(t *testing.T) {
	for text, want := range map[string][]field{
		` NIL`:                 {},
		` nil`:                 {},
		` ()`:                  {},
		` ("a" "b")`:           {{name: "a", value: "b"}},
		` ("a" NIL "c" "")`:    {{name: "a", none: true}, {name: "c"}},
		` ("a" "NIL")`:         {{name: "a", value: "NIL"}},
		``:                     nil,
		` `:                    nil,
		` NILL`:                nil,
		` (a "b")`:             nil,
		` ("a" b)`:             nil,
		` ("a")`:               nil,
		` ("a" "b"`:            nil,
		` ("a" "b") `:          {{name: "a", value: "b"}},
		` ("a" "b" )`:          nil,
		` ( "a" "b")`:          nil,
		` ("a"  "b")`:          nil,
		` ("a" "b""c" "d")`:    nil,
		` ("a" "b") ("c" "d")`: nil,
	} {
		fields, ok := parseID(arguments{text: text})
		if ok != (want != nil) || ok && !slices.Equal(fields, want) {
			t.Errorf("%q is %+v, %v", text, fields, ok)
		}
	}
}

func TestAllowedFields(t *testing.T) {
	for name, want := range map[string]bool{
		"name": true, "os-version": true, "vendor": true, "GUID": true, "": true, "max-x": true,
		"x-originating-ip": false, "X-Session-Ext-ID": false, " x-proxy-ttl": false, "x-": false,
		"Proxy-TTL": false, "forwarded-for": false, "originating-ip": false, "connected-port": false,
		"session-id": false, "client-transport": false, "\u212a": false, "x\u00ad-y": false, "n\tame": false,
	} {
		if (field{name: name}).allowed() != want {
			t.Errorf("%q passes: %v", name, !want)
		}
	}
}
