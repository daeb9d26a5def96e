package sieve

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/letterlock/letterlock/internal/testgate"
)

// overseen is a text as it goes on, taken in pieces of at most n bytes.
func overseen(text string, n int) string {
	g := New(testgate.Session(9))
	rest := []byte(text)
	var on []byte
	for len(rest) > 0 {
		piece := rest[:min(len(rest), n)]
		if err := g.Oversee(piece); err != nil {
			return ""
		}
		on = append(on, piece...)
		rest = rest[len(piece):]
	}
	return string(on)
}

func TestOversee(t *testing.T) {
	const no = "UNAUTHENTICATX"
	for text, want := range map[string]string{
		"UNAUTHENTICATE\r\n":                               no + "\r\n",
		"unauthenticate\r\n":                               "unauthenticatX\r\n",
		" \tUNAUTHENTICATE\r\n":                            " \t" + no + "\r\n",
		"UNAUTHENTICATE":                                   no,
		"UNAUTHENTICATE\n":                                 no + "\n",
		"UNAUTHENTICATED\r\n":                              no + "D\r\n",
		"NOOP\r\nUNAUTHENTICATE\r\n":                       "NOOP\r\n" + no + "\r\n",
		"\r\nUNAUTHENTICATE\r\n":                           "\r\n" + no + "\r\n",
		"NOOP UNAUTHENTICATE\r\n":                          "NOOP UNAUTHENTICATE\r\n",
		"UNAUTH ENTICATE\r\n":                              "UNAUTH ENTICATE\r\n",
		"PUTSCRIPT \"a\" {16+}\r\nUNAUTHENTICATE\r\n\r\n":  "PUTSCRIPT \"a\" {16+}\r\nUNAUTHENTICATE\r\n\r\n",
		"PUTSCRIPT {1+}\r\nUNAUTHENTICATE\r\n":             "PUTSCRIPT {1+}\r\nUNAUTHENTICATE\r\n",
		"PUTSCRIPT \"a\" {1+}\r\nx\r\nUNAUTHENTICATE\r\n":  "PUTSCRIPT \"a\" {1+}\r\nx\r\n" + no + "\r\n",
		"PUTSCRIPT \"{9+}\r\nUNAUTHENTICATE\r\n":           "PUTSCRIPT \"{9+}\r\n" + no + "\r\n",
		"PUTSCRIPT \"\\\"{9+}\r\nUNAUTHENTICATE\r\n":       "PUTSCRIPT \"\\\"{9+}\r\n" + no + "\r\n",
		"X {9}\r\nUNAUTHENTICATE\r\n":                      "X {9}\r\n" + no + "\r\n",
		"X {9+} \r\nUNAUTHENTICATE\r\n":                    "X {9+} \r\n" + no + "\r\n",
		"X {9+}\nUNAUTHENTICATE\r\n":                       "X {9+}\n" + no + "\r\n",
		"X {99999999999999999999+}\r\nUNAUTHENTICATE\r\n":  "X {99999999999999999999+}\r\n" + no + "\r\n",
		"X {+}\r\nUNAUTHENTICATE\r\n":                      "X {+}\r\n" + no + "\r\n",
		"X {2{3+}\r\nUNAUTHENTICATE\r\nUNAUTHENTICATE\r\n": "X {2{3+}\r\nUNAUTHENTICATE\r\n" + no + "\r\n",
	} {
		for _, n := range []int{1, 2, 7, 1000} {
			if got := overseen(text, n); got != want {
				t.Errorf("%q by %d becomes %q, not %q", text, n, got, want)
			}
		}
	}
}

var announcement = regexp.MustCompile(`\{(\d+)\+\}\r$`)

// readBackend is a backend that reads commands with their literals, and takes
// the command's name in any case.
func readBackend(text string) (commands []string) {
	for text != "" {
		line, rest, _ := strings.Cut(text, "\n")
		text = rest
		commands = append(commands, line)
		for m := announcement.FindStringSubmatch(line); m != nil; m = announcement.FindStringSubmatch(line) {
			n, _ := strconv.Atoi(m[1])
			text = text[min(n, len(text)):]
			line, text, _ = strings.Cut(text, "\n")
		}
	}
	return commands
}

// Whatever is said, by whatever pieces: all but the command passes as it is.
func TestOverseeRandom(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	for range 2000 {
		var text strings.Builder
		for range random.IntN(8) {
			script := strings.Repeat("UNAUTHENTICATE\r\nkeep;\r\n", random.IntN(3)) + "x"
			switch random.IntN(4) {
			case 0:
				fmt.Fprintf(&text, "PUTSCRIPT \"a\" {%d+}\r\n%s\r\n", len(script), script)
			case 1:
				fmt.Fprintf(&text, "RENAMESCRIPT {%d+}\r\n%s \"{5+}\"\r\n", len(script), script)
			case 2:
				text.WriteString("LISTSCRIPTS\r\n")
			case 3:
				text.WriteString("Unauthenticate\r\n")
			}
		}
		got := overseen(text.String(), 1+random.IntN(20))
		for _, command := range readBackend(got) {
			if strings.EqualFold(strings.TrimSpace(command), forbidden) {
				t.Fatalf("%q becomes %q", text.String(), got)
			}
		}
		if want := strings.ReplaceAll(text.String(), "Unauthenticate", "UnauthenticatX"); got != want {
			t.Fatalf("%q becomes %q", text.String(), got)
		}
	}
}

func FuzzOversee(f *testing.F) {
	f.Add([]byte("PUTSCRIPT \"a\" {16+}\r\nUNAUTHENTICATE\r\n\r\nUNAUTHENTICATE\r\n"), 3)
	f.Fuzz(func(t *testing.T, text []byte, n int) {
		got := overseen(string(text), 1+n&0xff)
		if whole := overseen(string(text), len(text)+1); got != whole {
			t.Fatalf("in pieces %q, whole %q", got, whole)
		}
		if again := overseen(got, 5); again != got {
			t.Fatalf("%q, and again %q", got, again)
		}
		changed := 0
		for i := range text {
			if got[i] != text[i] {
				changed++
			}
		}
		if changed > bytes.Count(bytes.ToUpper(text), []byte(forbidden)) {
			t.Fatalf("%q becomes %q", text, got)
		}
	})
}
