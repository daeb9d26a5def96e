package sieve

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// ranForbidden returns the first model that executes a forbidden command.
func ranForbidden(reached string, old bool) (model string) {
	for name, read := range serverModels(old) {
		if slices.ContainsFunc(read(reached), isForbidden) {
			return name
		}
	}
	return ""
}

// TestModels checks that the models execute a forbidden command that is not
// inspected.
func TestModels(t *testing.T) {
	for text, models := range map[string]string{
		"UNAUTHENTICATE\r\n":                                   "Pigeonhole Cyrus lines0 lines15",
		"FOO {16+}\r\nUNAUTHENTICATE\r\n\r\n":                  "Pigeonhole Cyrus lines0",
		"FOO {9+}\r\nNOOP \"1\"\r\nUNAUTHENTICATE\r\n":         "Pigeonhole Cyrus lines1",
		"LISTSCRIPTS UNAUTHENTICATE\r\n":                       "Cyrus",
		"NOOP {1+}\r\na UNAUTHENTICATE\r\n":                    "Cyrus",
		"RENAMESCRIPT \"\xc3\xa4\" {1+}\r\nUNAUTHENTICATE\r\n": "Cyrus",
		"RENAMESCRIPT \"\xff\" {1+}\r\nUNAUTHENTICATE\r\n":     "Pigeonhole Cyrus",
		"GETSCRIPT {3+}\r\n\xff\r\nUNAUTHENTICATE\r\n":         "Pigeonhole",
		"CAPABILITY {8+}\r\n\"\r\nFOO \"UNAUTHENTICATE\r\n":    "Cyrus",
		" UNAUTHENTICATE\r\n":                                  "Cyrus lines2",
		"NOOP\rUNAUTHENTICATE\r":                               "CR",
		"UNAUTHENTI\x00CATE\r\n":                               "lines2",
		"FOO \"\r\nBAR \"\r\nUNAUTHENTICATE\r\n":               "lines4",
	} {
		for _, model := range strings.Fields(models) {
			if !slices.Contains(serverModels(false)[model](text), forbidden[0]) && !slices.Contains(serverModels(false)[model](text), "UNAUTHENTICATE") {
				t.Errorf("%s does not run %q: %q", model, text, serverModels(false)[model](text))
			}
		}
	}
	if got := serverModels(true)["Cyrus"]("CHECKSCRIPT {16+}\r\nUNAUTHENTICATE\r\n\r\n"); !slices.Contains(got, "UNAUTHENTICATE") {
		t.Errorf("an ancient server reads %q", got)
	}
}

// fragments are parts of lines, valid and invalid.
var fragments = []string{
	"UNAUTHENTICATE", "unauthenticate", "AUTHENTICATE", "STARTTLS", "XCLIENT", "\r\nUNAUTHENTICATE\r\n", "NOOP", "PUTSCRIPT ", "RENAMESCRIPT ",
	"CHECKSCRIPT ", "HAVESPACE ", "GETSCRIPT ", "LISTSCRIPTS", "CAPABILITY", "FOO", "FOO ", "1", "\"a\"", "\"a\" ", "\"\xc3\xa4\" ", "\"\xff\" ", "\"",
	"\\", "\\\"", " ", "  ", "\t", "\r\n", "\r\n", "\r\n", "\r", "\n", "\x00", "\xff", "{", "}", "{5+}", "{5}", "{5+}\r\n", "{16+}\r\n", "{16}\r\n",
	"{14+}\r\n", "{0+}\r\n", "{1+}\r\na", "{1+}\r\na ", "{2+}\r\n\xc3\xa4 ", "{18+}\r\n", "(", ")", "*", "keep;", "A",
}

// TestInspectLikeServers checks that no server executes a forbidden command,
// for any input in any pieces.
func TestInspectLikeServers(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	ended := 0
	const rounds = 30000
	for i := range rounds {
		var text strings.Builder
		for range 1 + random.IntN(14) {
			text.WriteString(fragments[random.IntN(len(fragments))])
		}
		text.WriteString("\r\n")
		in, old := versioned, false
		if i%2 == 0 {
			in, old = ancient, true
		}
		reached, err := inspected(in, text.String(), 1+random.IntN(20))
		if err != nil {
			ended++
		}
		if model := ranForbidden(reached, old); model != "" {
			t.Fatalf("%s runs a forbidden command in %q, of %q", model, reached, text.String())
		}
	}
	if ended < rounds/10 || ended > rounds*9/10 {
		t.Errorf("%d of %d sessions have ended: the fragments are badly chosen", ended, rounds)
	}
}

// TestInspectValidCommands checks that valid commands pass unchanged.
func TestInspectValidCommands(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 8))
	for range 2000 {
		var text strings.Builder
		for range random.IntN(8) {
			script := strings.Repeat("UNAUTHENTICATE\r\nkeep;\r\n", random.IntN(3)) + "x\x00\xff{5+}\r\n\""
			switch random.IntN(5) {
			case 0:
				fmt.Fprintf(&text, "PUTSCRIPT \"a\" {%d+}\r\n%s\r\n", len(script), script)
			case 1:
				fmt.Fprintf(&text, "RENAMESCRIPT {%d+}\r\n%s \"{5+}\"\r\n", 14, "UNAUTHENTICATE")
			case 2:
				text.WriteString("LISTSCRIPTS\r\n")
			case 3:
				fmt.Fprintf(&text, "checkscript {%d+}\r\n%s\r\nHAVESPACE \"a\" 12\r\n", len(script), script)
			case 4:
				text.WriteString("GETSCRIPT \"f\xc3\xbcr \\\"alle\\\"\"\r\nSETACTIVE {2+}\r\n\xc3\xbc\r\nX-NEW \"x\" (1 2)\r\n")
			}
		}
		if got, err := inspected(versioned, text.String(), 1+random.IntN(20)); err != nil || got != text.String() {
			t.Fatalf("%q becomes %q: %v", text.String(), got, err)
		}
	}
}

func FuzzInspect(f *testing.F) {
	f.Add([]byte("PUTSCRIPT \"a\" {16+}\r\nUNAUTHENTICATE\r\n\r\nUNAUTHENTICATE\r\n"), 3, true)
	f.Add([]byte("RENAMESCRIPT \"\xff\" {16+}\r\nUNAUTHENTICATE\r\n"), 3, false)
	f.Add([]byte("\x00\x00\x00\x05NOOP\r\nUNAUTHENTICATE\r\n"), 3, false)
	f.Fuzz(func(t *testing.T, text []byte, n int, old bool) {
		in := versioned
		if old {
			in = ancient
		}
		got, err := inspected(in, string(text), 1+n&0xff)
		bytewise, bytewiseErr := inspected(in, string(text), 1)
		if !strings.HasPrefix(bytewise, got) || (err == nil) != (bytewiseErr == nil) || err == nil && got != bytewise {
			t.Fatalf("in pieces %q (%v), by bytes %q (%v)", got, err, bytewise, bytewiseErr)
		}
		if model := ranForbidden(bytewise, old); model != "" {
			t.Fatalf("%s runs a forbidden command in %q, of %q", model, bytewise, text)
		}
		changed := 0
		for i := range got {
			if got[i] != text[i] {
				changed++
			}
		}
		words := 0
		for _, word := range forbidden {
			words += bytes.Count(bytes.ToUpper(text), []byte(word))
		}
		if changed > words {
			t.Fatalf("%q becomes %q", text, got)
		}
	})
}
