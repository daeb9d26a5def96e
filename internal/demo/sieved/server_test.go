package sieved

import (
	"bytes"
	"strings"
	"testing"

	"github.com/letterlock/letterlock/internal/demo/talk"
)

// The initial responses of PLAIN: correct, and with a wrong password.
const (
	right = "AGRlbW8AZGVtbw=="
	wrong = "AGRlbW8Abm8="
)

const greeting = `
	S: "IMPLEMENTATION" "Letterlock demo"
	S: "SASL" "PLAIN"
	S: "SIEVE" "fileinto reject envelope vacation"
	S: "UNAUTHENTICATE"
	S: "VERSION" "1.0"
	S: OK "ready"
`

const login = greeting + `
	C: AUTHENTICATE "PLAIN" "` + right + `"
	S: OK "logged in"
`

func demo() *Server {
	return &Server{Authenticate: func(user, password string) bool {
		return user == "demo" && password == "demo"
	}}
}

// dialogs are sessions with the server, by name.
var dialogs = map[string]string{
	"login with a challenge": greeting + `
		C: AUTHENTICATE "PLAIN"
		S: ""
		C: "` + right + `"
		S: OK "logged in"
		C: LISTSCRIPTS
		S: OK "listed"`,
	"login by literals": greeting + `
		C| authenticate {5+}\r\nPLAIN {16+}\r\n` + right + `\r\n
		S: OK "logged in"
		C: CAPABILITY
		S: "IMPLEMENTATION" *
		S: "SASL" *
		S: "SIEVE" *
		S: "UNAUTHENTICATE"
		S: "VERSION" *
		S: "OWNER" "demo"
		S: OK "ready"`,
	"login for another": greeting + `
		C: AUTHENTICATE "PLAIN" "cm9vdABkZW1vAGRlbW8="
		S: NO "wrong user or password"`,
	"login cancelled": greeting + `
		C: AUTHENTICATE "PLAIN"
		S: ""
		C: "*"
		S: NO "cancelled"
		C: LISTSCRIPTS
		S: NO "log in first"`,
	"three wrong passwords": greeting + `
		C: AUTHENTICATE "PLAIN" "` + wrong + `"
		S: NO "wrong user or password"
		C: AUTHENTICATE "PLAIN" ""
		S: NO "wrong user or password"
		C: AUTHENTICATE "PLAIN" "` + wrong + `"
		S: BYE "too many failed logins"
		S! close`,
	"login in other ways": greeting + `
		C: AUTHENTICATE "SCRAM-SHA-1"
		S: NO "unknown mechanism"
		C: AUTHENTICATE "PLAIN" "%"
		S: NO "no base64"
		C: AUTHENTICATE 1
		S: NO "wrong arguments"
		C: AUTHENTICATE "PLAIN"
		S: ""
		C: 1
		S: BYE "syntax error: string expected"
		S! close`,
	"logout and in again": login + `
		C: UNAUTHENTICATE
		S: OK "logged out"
		C: UNAUTHENTICATE
		S: NO "log in first"
		C: AUTHENTICATE "PLAIN" "` + right + `"
		S: OK "logged in"
		C: AUTHENTICATE "PLAIN" "` + right + `"
		S: NO "already logged in"
		C: LOGOUT
		S: OK "bye"
		S! close`,
	"a script's life": login + `
		C: HAVESPACE "a" 100
		S: OK "there is room"
		C| PUTSCRIPT "a" {7+}\r\nkeep;\r\n\r\n
		S: OK "stored"
		C: PUTSCRIPT "b \"c\"" "stop;"
		S: OK "stored"
		C: SETACTIVE "b \"c\""
		S: OK "done"
		C: LISTSCRIPTS
		S: "a"
		S: "b \"c\"" ACTIVE
		S: OK "listed"
		C: GETSCRIPT "a"
		S: {7}
		S: keep;
		S:
		S: OK "sent"
		C: DELETESCRIPT "b \"c\""
		S: NO (ACTIVE) "the active script cannot be deleted"
		C: RENAMESCRIPT "b \"c\"" "d"
		S: OK "renamed"
		C: RENAMESCRIPT "d" "a"
		S: NO (ALREADYEXISTS) "there is a script of that name"
		C: SETACTIVE "a"
		S: OK "done"
		C: DELETESCRIPT "d"
		S: OK "deleted"
		C: SETACTIVE ""
		S: OK "done"
		C: LISTSCRIPTS
		S: "a"
		S: OK "listed"`,
	"scripts that are not there": login + `
		C: GETSCRIPT "x"
		S: NO (NONEXISTENT) "there is no such script"
		C: SETACTIVE "x"
		S: NO (NONEXISTENT) "there is no such script"
		C: DELETESCRIPT "x"
		S: NO (NONEXISTENT) "there is no such script"
		C: RENAMESCRIPT "x" "y"
		S: NO (NONEXISTENT) "there is no such script"`,
	"broken scripts": login + `
		C: CHECKSCRIPT "keep;"
		S: OK "well formed"
		C: CHECKSCRIPT "if true { keep;"
		S: NO "line 1: '{' is not closed"
		C: PUTSCRIPT "a" "keep"
		S: NO "line 1: a command without a semicolon"
		C: LISTSCRIPTS
		S: OK "listed"`,
	"too long": login + `
		C: HAVESPACE "a" 65537
		S: NO (QUOTA/MAXSIZE) "the script is too long"
		C: CHECKSCRIPT {65537+}
		C: ` + strings.Repeat("#", 65537) + `
		S: NO (QUOTA/MAXSIZE) "the script is too long"
		C: NOOP
		S: OK "done"`,
	"far too long": login + `
		C: CHECKSCRIPT {1048577+}
		S: BYE "syntax error: bad literal"
		S! close`,
	"names": login + `
		C: PUTSCRIPT "" "keep;"
		S: NO "a script cannot have that name"
		C: PUTSCRIPT "a	b" "keep;"
		S: NO "a script cannot have that name"
		C: HAVESPACE "` + strings.Repeat("n", 513) + `" 1
		S: NO "a script cannot have that name"
		C| PUTSCRIPT "\xff" "keep;"\r\n
		S: NO "a script cannot have that name"`,
	"noop": greeting + `
		C: noop
		S: OK "done"
		C: NOOP "a \"tag\""
		S: OK (TAG "a \"tag\"") "done"
		C| NOOP {3+}\r\na\r\n\r\n
		S: OK (TAG {3}
		S: a
		S: ) "done"`,
	"before the login": greeting + `
		C: PUTSCRIPT "a" "keep;"
		S: NO "log in first"
		C: STARTTLS
		S: NO "unknown command"
		C: LOGOUT 1
		S: NO "wrong arguments"`,
	"pipelined": login + `
		C| PUTSCRIPT "a" "stop;"\r\nSETACTIVE "a"\r\nLOGOUT\r\n
		S: OK "stored"
		S: OK "done"
		S: OK "bye"
		S! close`,
}

func TestDialogs(t *testing.T) {
	for name, script := range dialogs {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			talk.Run(t, talk.Serve(t, demo().Serve), script)
		})
	}
}

func TestUnreadableLinesEndTheSession(t *testing.T) {
	for name, line := range map[string]string{
		"empty":                  ``,
		"a blank first":          ` NOOP`,
		"no letters":             `N0OP`,
		"a long verb":            strings.Repeat("A", maxVerb+1),
		"an open string":         `NOOP "a`,
		"an escape at the end":   `NOOP "a\`,
		"a long string":          `NOOP "` + strings.Repeat("a", maxQuoted+1) + `"`,
		"a blank at the end":     `NOOP `,
		"two blanks":             `NOOP  "a"`,
		"no blank":               `NOOP "a""b"`,
		"an atom":                `NOOP a`,
		"a number too big":       `NOOP 4294967296`,
		"too many arguments":     `NOOP "a" "b" "c" "d"`,
		"a literal with a pause": `NOOP {1}`,
		"a literal of less":      `NOOP {-1+}`,
		"text after a literal":   `NOOP {1+} "a"`,
		"a long line":            `NOOP "` + strings.Repeat("a", maxLine),
		"a bare CR":              "NOOP\rLOGOUT",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn := talk.Serve(t, demo().Serve)
			if _, err := conn.Write([]byte(line + "\r\n")); err != nil {
				t.Fatal(err)
			}
			talk.Run(t, conn, greeting+`
				S: BYE "syntax error: *
				S! close`)
		})
	}
}

func TestManyErrorsEndTheSession(t *testing.T) {
	t.Parallel()
	one := "C: WHAT\nS: NO \"unknown command\"\n"
	talk.Run(t, talk.Serve(t, demo().Serve), greeting+
		strings.Repeat(one, maxErrors-1)+"C: NOOP\nS: OK \"done\"\n"+ // forgiven
		strings.Repeat(one, maxErrors-1)+"C: WHAT\nS: BYE \"too many errors\"\nS! close")
}

func TestScriptsAreLimitedInNumber(t *testing.T) {
	var s scripts
	for i := range maxScripts {
		if err := s.put(string(rune('a'+i)), "keep;"); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.put("one more", "keep;"); err != errTooMany {
		t.Errorf("one more: got %v, want %v", err, errTooMany)
	}
	if err := s.put("a", "stop;"); err != nil {
		t.Errorf("replacing one: %v", err)
	}
}

// For any input the session ends with the connection, and the last reply is
// complete.
func FuzzServe(f *testing.F) {
	f.Add([]byte("AUTHENTICATE \"PLAIN\" \"" + right + "\"\r\nPUTSCRIPT \"a\" {5+}\r\nkeep;\r\nGETSCRIPT \"a\"\r\nLOGOUT\r\n"))
	f.Add([]byte("AUTHENTICATE \"PLAIN\"\r\n{16+}\r\n" + right + "\r\nLISTSCRIPTS\r\n"))
	f.Add([]byte("NOOP {3+}\r\na\"b\r\nHAVESPACE \"a\" 99999999999\r\n"))
	f.Add([]byte("NOOP \"\\\"\r\n"))
	f.Fuzz(func(t *testing.T, input []byte) {
		output := talk.Feed(demo().Serve, input)
		if !bytes.HasPrefix(output, []byte(`"IMPLEMENTATION" `)) || !bytes.HasSuffix(output, []byte("\r\n")) {
			t.Errorf("got %q", output)
		}
	})
}
