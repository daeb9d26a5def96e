package sieve

import (
	"strings"
	"testing"

	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/test/gatetest"
)

// inspected sends a text in pieces of at most n bytes, and returns the bytes
// that reach the backend, and the error that ends the session.
func inspected(in inspector, text string, n int) (reached string, err error) {
	g := New(gatetest.Session(9))
	g.relayed = in
	rest := []byte(text)
	for len(rest) > 0 {
		piece := rest[:min(len(rest), n)]
		if err := g.Inspect(piece); err != nil {
			return reached, err
		}
		reached += string(piece)
		rest = rest[len(piece):]
	}
	return reached, nil
}

var (
	versioned = newInspector([][]token{{{quoted, "VERSION"}, {quoted, "1.0"}}}, "PLAIN")
	ancient   = newInspector(nil, "PLAIN")
)

func TestInspect(t *testing.T) {
	const no = "UNAUTHENTICATX"
	for text, want := range map[string]string{
		"UNAUTHENTICATE\r\n":             no + "\r\n",
		"unauthenticate\r\n":             "unauthenticatX\r\n",
		"UNAUTHENTICATE":                 no,
		"UNAUTHENTICATE\n":               no + "\n",
		"UNAUTHENTICATE1\r\n":            no + "1\r\n",
		"NOOP\r\nUNAUTHENTICATE\r\n":     "NOOP\r\n" + no + "\r\n",
		"\r\nUNAUTHENTICATE\r\n":         "\r\n" + no + "\r\n",
		"NOOP\nUNAUTHENTICATE\r\n":       "NOOP\n" + no + "\r\n",
		"NOOP\rUNAUTHENTICATE\r\n":       "NOOP\r" + no + "\r\n",
		"UNAUTH ENTICATE\r\n":            "UNAUTH ENTICATE\r\n",
		"AUTHENTICATE \"PLAIN\"\r\n":     "AUTHENTICATX \"PLAIN\"\r\n",
		"starttls\r\nXCLIENT ADDR=1\r\n": "starttlX\r\nXCLIENX ADDR=1\r\n",

		// Cyrus continues reading in the middle of a line.
		" \tUNAUTHENTICATE\r\n":                " \t" + no + "\r\n",
		"NOOP UNAUTHENTICATE\r\n":              "NOOP " + no + "\r\n",
		"FOO 5UNAUTHENTICATE\r\n":              "FOO 5" + no + "\r\n",
		"GETSCRIPT \"a\"UNAUTHENTICATE\r\n":    "GETSCRIPT \"a\"" + no + "\r\n",
		"GETSCRIPT \"a\" UNAUTHENTICATE\r\n":   "GETSCRIPT \"a\" " + no + "\r\n",
		"HAVESPACE \"a\" 1UNAUTHENTICATE\r\n":  "HAVESPACE \"a\" 1" + no + "\r\n",
		"NOOP {1+}\r\na UNAUTHENTICATE\r\n":    "NOOP {1+}\r\na " + no + "\r\n",
		"FOO \"UNAUTHENTICATE\"\r\nSTARTTL\rS": "FOO \"" + no + "\"\r\nSTARTTL\rS",

		// Strings of valid commands are not changed.
		"GETSCRIPT \"UNAUTHENTICATE\"\r\n":                                         "",
		"GETSCRIPT \"{5+}\\\"\\\\UNAUTHENTICATE\"\r\nNOOP\r\n":                     "",
		"getscript {14+}\r\nUNAUTHENTICATE\r\n":                                    "",
		"PUTSCRIPT \"a\" {16+}\r\nUNAUTHENTICATE\r\n\r\n":                          "",
		"PUTSCRIPT {1+}\r\na {17+}\r\n\x00UNAUTHENTICATE\r\n\r\n":                  "",
		"RENAMESCRIPT {1+}\r\na {14+}\r\nUNAUTHENTICATE\r\n":                       "",
		"CHECKSCRIPT {0+}\r\n\r\nCHECKSCRIPT {14+}\r\nunauthenticate\r\nNOOP\r\n":  "",
		"PUTSCRIPT \"\u00e4\" {30+}\r\nheader :is \"X-AUTHENTICATED\"\r\n\r\n":     "",
		"PUTSCRIPT \"a\" \"UNAUTHENTICATE " + strings.Repeat("x", 2000) + "\"\r\n": "",
		"PUTSCRIPT \"a\" {1+}\r\nx\r\nUNAUTHENTICATE\r\n":                          "PUTSCRIPT \"a\" {1+}\r\nx\r\n" + no + "\r\n",
	} {
		if want == "" {
			want = text
		}
		for _, n := range []int{1, 2, 7, 10000} {
			if got, err := inspected(versioned, text, n); got != want || err != nil {
				t.Errorf("%q by %d becomes %q, not %q: %v", text, n, got, want, err)
			}
		}
	}
}

// TestInspectEnds checks that the session ends where servers disagree about
// what comes next.
func TestInspectEnds(t *testing.T) {
	for text, want := range map[string]error{
		"FOO {16+}\r\nUNAUTHENTICATE\r\n":         errLiteral,
		"FOO {16}\r\nUNAUTHENTICATE\r\n":          errLiteral,
		"CAPABILITY {16+}\r\n":                    errLiteral,
		"UNAUTHENTICATE {5+}\r\n":                 errLiteral,
		"NOOP  {5+}\r\n":                          errLiteral,
		"\tNOOP {5+}\r\n":                         errLiteral,
		"NOOP {5+}":                               nil,
		"NOOP {5}\r\n":                            errLiteral,
		"NOOP {05+}\r\n":                          errLiteral,
		"NOOP {+}\r\n":                            errLiteral,
		"NOOP {}\r\n":                             errLiteral,
		"NOOP {-1+}\r\n":                          errLiteral,
		"NOOP {5+} \r\n":                          errLiteral,
		"NOOP {5+}\n":                             errLiteral,
		"NOOP {5+}\r\r\n":                         errLiteral,
		"NOOP {2{3+}\r\n":                         errLiteral,
		"NOOP {1025+}\r\n":                        errLiteral,
		"CHECKSCRIPT {1073741825+}\r\n":           errLiteral,
		"CHECKSCRIPT {18446744073709551621+}\r\n": errLiteral,
		"NOOP\n{5+}\r\n":                          errLiteral,
		"NOOP \"a\" {5+}\r\n":                     errLiteral,
		"NOOP \"a\"{5+}\r\n":                      errLiteral,
		"PUTSCRIPT a {5+}\r\n":                    errLiteral,
		"PUTSCRIPT \"a\\n\" {5+}\r\n":             errLiteral,
		"PUTSCRIPT \"a\x01\" {5+}\r\n":            errLiteral,
		"HAVESPACE \"a\" {5+}\r\n":                errLiteral,
		"HAVESPACE {1+}\r\na\r\n":                 nil,
		"PUTSCRIPT \"a\" {1+}\r\nx {1+}\r\n":      errLiteral,
		"PUTSCRIPT \"a\r\n":                       errQuoted,
		"PUTSCRIPT \"a\\\r\n":                     errQuoted,
		"FOO \"a\n":                               errQuoted,
		"FOO \"\\\"\r\n":                          errQuoted,
		"NO\x00OP\r\n":                            errNUL,
		"PUTSCRIPT \"\x00\"\r\n":                  errNUL,
		"GETSCRIPT {4+}\r\na\r\nb\r\n":            errName,
		"GETSCRIPT {3+}\r\na\x00b\r\n":            errName,
		"RENAMESCRIPT \"\u00e4\" {14+}\r\nUNAUTHENTICATE\r":                         errForbidden,
		"RENAMESCRIPT {1+}\r\n\xff {14+}\r\nUNAUTHENTICATE ":                        errForbidden,
		"PUTSCRIPT \"\xff\" {9+}\r\n StartTls\r\n":                                  errForbidden,
		"PUTSCRIPT \"" + strings.Repeat("a", 1025) + "\" {14+}\r\n\nUNAUTHENTICATE": nil,
		"CHECKSCRIPT \"" + strings.Repeat("a", 1025) + "\nUNAUTHENTICATE":           errQuoted,
		"CHECKSCRIPT \"" + strings.Repeat("a", 1025) + " UNAUTHENTICATE ":           errForbidden,
	} {
		for _, n := range []int{1, 2, 7, 10000} {
			reached, err := inspected(versioned, text, n)
			if want == nil {
				if err != nil {
					t.Errorf("%q by %d ends the session: %v", text, n, err)
				}
				continue
			}
			if end := gate.Because(gate.Desynchronised, want); err == nil || err.Error() != end.Error() || gate.ReasonOf(err) != gate.Desynchronised {
				t.Errorf("%q by %d passes as %q: %v, not %v", text, n, reached, err, want)
			}
		}
	}
}

// TestInspectOldBackend checks that strings are searched if the backend is
// older than RFC 5804: it skips the lines of unknown commands.
func TestInspectOldBackend(t *testing.T) {
	for text, ends := range map[string]bool{
		"PUTSCRIPT \"a\" {16+}\r\nUNAUTHENTICATE\r\n\r\n": false,
		"CHECKSCRIPT {16+}\r\nUNAUTHENTICATE\r\n\r\n":     true,
		"CHECKSCRIPT {5+}\r\nkeep;\r\n":                   false,
		"RENAMESCRIPT {14+}\r\nUNAUTHENTICATE \"a\"\r\n":  true,
		"NOOP {14+}\r\nUNAUTHENTICATE\r\n":                true,
	} {
		if _, err := inspected(ancient, text, 3); (err != nil) != ends {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// TestInspectSecurityLayer checks that the bytes of a security layer are
// forwarded unchanged, and that a forbidden command in plaintext after it ends
// the session.
func TestInspectSecurityLayer(t *testing.T) {
	layer := newInspector(nil, "digest-md5")
	const packet = "\x00\x00\x00\x10{\"\r\n\x00 0123456789"
	for text, ends := range map[string]bool{
		packet + packet: false,
		packet + "\x00\x00\x00 AUTHENTICATE \"PLAIN\"\r\n": true,
		packet + "UNAUTHENTICATE\r\n":                      true,
		packet + "AUTHENTICATED\r\n":                       false,
		packet + "starttls\n":                              true,
		"NOOP\r\n":                                         false,
		"FOO {5+}\r\n":                                     true,
	} {
		for _, n := range []int{1, 1000} {
			if _, err := inspected(layer, text, n); (err != nil) != ends {
				t.Errorf("%q: %v", text, err)
			}
		}
	}
	if _, err := inspected(versioned, packet, 9); err == nil {
		t.Error("PLAIN has no security layer")
	}
}
