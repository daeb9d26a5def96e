package attacks

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/letterlock/letterlock/configs"
	"github.com/letterlock/letterlock/internal/gate"
)

// unauthenticates matches UNAUTHENTICATE where a server could read it as a
// command.
var unauthenticates = regexp.MustCompile(`(?i)(^|[^a-z])unauthenticate[ \t\x00]*[\r\n]`)

// H4: servers treat the literal after a refused command differently. Some skip
// the line only, some the literal too, and some read on in the middle of the
// line. In all cases the backend receives no UNAUTHENTICATE that it could run.
func TestH4_FalseLiteral(t *testing.T) {
	t.Parallel()
	for send, ends := range map[string]bool{
		"FOO {16+}\r\nUNAUTHENTICATE\r\n\r\n":                                    true,
		"FOO {9+}\r\nNOOP \"x\"\r\nUNAUTHENTICATE\r\n":                           true,
		"FOO {16}\r\nUNAUTHENTICATE\r\n\r\n":                                     true,
		"LISTSCRIPTS {16+}\r\nUNAUTHENTICATE\r\n\r\n":                            true,
		"PUTSCRIPT a {16+}\r\nUNAUTHENTICATE\r\n\r\n":                            true,
		"PUTSCRIPT  \"a\" {16+}\r\nUNAUTHENTICATE\r\n\r\n":                       true,
		"PUTSCRIPT \"a\" {016+}\r\nUNAUTHENTICATE\r\n\r\n":                       true,
		"PUTSCRIPT \"a\" {99999999999999999999+}\r\nUNAUTHENTICATE\r\n":          true,
		"PUTSCRIPT \"a\" {16+} \r\nUNAUTHENTICATE\r\n\r\n":                       true,
		"PUTSCRIPT \"a\" {16+}\nUNAUTHENTICATE\r\n\r\n":                          true,
		"PUTSCRIPT \"a\r\nNOOP \"\r\nUNAUTHENTICATE\r\n":                         true,
		"PUTSCRIPT \"\xff\" {17+}\r\n\nUNAUTHENTICATE\r\n\r\n":                   true,
		"PUTSCRIPT {1+}\r\n\xff {17+}\r\n\nUNAUTHENTICATE\r\n\r\n":               true,
		"RENAMESCRIPT {1+}\r\n\xff {14+}\r\nUNAUTHENTICATE\r\n":                  true,
		"CHECKSCRIPT {16+}\r\nUNAUTHENTICATE\r\n\r\n":                            true, // of a backend without VERSION
		"GETSCRIPT {17+}\r\n\nUNAUTHENTICATE\r\n\r\n":                            true,
		"NOOP\x00\r\nUNAUTHENTI\x00CATE\r\n":                                     true,
		"LISTSCRIPTS UNAUTHENTICATE\r\n":                                         false,
		"NOOP \"x\" unauthenticate\r\n":                                          false,
		"PUTSCRIPT \"a\" {5+}\r\nkeep; UNAUTHENTICATE\r\n":                       false,
		"LISTSCRIPTS\rUNAUTHENTICATE\nUNAUTHENTICATE\r\n":                        false,
		"PUTSCRIPT \"\xc3\xa4\" {5+}\r\nkeep;\r\n!UNAUTHENTICATE\r\n":            false,
		"PUTSCRIPT \"{16+}\" \"\\\"{16+}\"\r\nUnAuthenticate \t\r\nSTARTTLS\r\n": false,
	} {
		for _, piece := range []int{1, 5, 1000} {
			w := open(t)
			c := w.loggedIn(configs.Sieve)
			for text := range slices.Chunk([]byte(send), piece) {
				if _, err := c.Write(text); err != nil {
					break // the session has ended already
				}
			}
			if ends {
				c.rest()
			} else {
				c.send("LOGOUT\r\n")
				for !matches(`OK "LOGOUT"`, c.line()) {
				}
			}
			_ = c.Close()
			why := w.reasons(1)[0]
			w.stop()
			if (why == gate.Desynchronised) != ends {
				t.Fatalf("%q by %d ends with %s", send, piece, why)
			}
			if received := w.back[configs.Sieve].received(); unauthenticates.MatchString(received) || strings.Contains(strings.ToUpper(received), "STARTTLS\r") {
				t.Errorf("%q by %d: the backend received %q", send, piece, received)
			}
		}
	}
}
