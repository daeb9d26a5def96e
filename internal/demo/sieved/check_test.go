package sieved

import (
	"strings"
	"testing"
)

func TestCheck(t *testing.T) {
	for name, c := range map[string]struct{ script, want string }{
		"empty":             {"", ""},
		"only a comment":    {"# keep;", ""},
		"block comment":     {"/* keep\r\n } */ keep;", ""},
		"one command":       {"keep;", ""},
		"lists":             {"require [\"fileinto\", \"reject\"];\r\n", ""},
		"tests in brackets": {"if anyof (true, not allof (false, true)) { keep; } else { discard; }", ""},
		"nested blocks":     {"if true { if false { stop; } }", ""},
		"empty block":       {"if true { }", ""},
		"quoted quote":      {`fileinto "a\"b;{";`, ""},
		"multi-line text":   {"reject text:\r\nNo; {not} \"here\r\n..\r\n.\r\n;", ""},
		"multi-line, LF":    {"reject text: # why\nNo\n.\n;", ""},

		"not UTF-8":             {"keep;\xff", "the script is not UTF-8"},
		"no semicolon":          {"keep;\r\ndiscard", "line 2: a command without a semicolon"},
		"no semicolon in block": {"if true { keep }", "line 1: a command without a semicolon"},
		"only a semicolon":      {";", "line 1: a semicolon without a command"},
		"semicolon in a list":   {"require [\"a\";", "line 1: a semicolon without a command"},
		"open string":           {"keep;\nfileinto \"x;\n", "line 2: a string without end"},
		"string ends escaped":   {`fileinto "x\`, "line 1: a string without end"},
		"open comment":          {"/* keep;", "line 1: a comment without end"},
		"open text":             {"reject text:\r\nno\r\n", "line 3: a text without end"},
		"text without a line":   {"reject text:", "line 1: a text without end"},
		"open block":            {"if true {\n keep;\n", "line 3: '{' is not closed"},
		"closed twice":          {"if true { keep; } }", "line 1: '}' does not close a bracket"},
		"crossed":               {"if anyof (true] { keep; }", "line 1: ']' does not close a bracket"},
		"block alone":           {"{ keep; }", "line 1: a block without a command"},
		"block in a list":       {"if anyof ({", "line 1: a block without a command"},
		"too deep":              {strings.Repeat("if true {", maxDepth+1), "line 1: nested too deep"},
	} {
		t.Run(name, func(t *testing.T) {
			got := ""
			if err := Check(c.script); err != nil {
				got = err.Error()
			}
			if got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// A valid script stays valid when another valid script follows it, and is never
// valid after a closing bracket.
func FuzzCheck(f *testing.F) {
	f.Add("require \"fileinto\";\r\nif header :is \"a\" [\"b\", \"c\"] { stop; }")
	f.Add("reject text:\r\n..\r\n.\r\n; # end\n")
	f.Add("if anyof (true, /* no */ false) { keep; }")
	f.Add("\"\\")
	f.Fuzz(func(t *testing.T, script string) {
		if Check(script) != nil {
			return
		}
		if err := Check(script + "\nkeep;"); err != nil {
			t.Errorf("valid alone, invalid when another script follows: %v", err)
		}
		if Check("}"+script) == nil {
			t.Error("valid with an unmatched closing bracket")
		}
	})
}
