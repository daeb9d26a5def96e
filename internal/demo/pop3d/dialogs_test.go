package pop3d

import (
	"strings"
	"testing"

	"github.com/letterlock/letterlock/internal/demo/talk"
)

// dialogs are sessions with the server, by name.
var dialogs = map[string]string{
	"capabilities": greeting + `
		C: CAPA
		S: +OK capabilities follow
		S: USER
		S: SASL PLAIN
		S: TOP
		S: UIDL
		S: PIPELINING
		S: RESP-CODES
		S: AUTH-RESP-CODE
		S: EXPIRE NEVER
		S: IMPLEMENTATION letterlock-demo
		S: .
		C: quit
		S: +OK bye
		S! close`,
	"listings": login + `
		C: STAT
		S: +OK 2 65
		C: LIST
		S: +OK listing follows
		S: 1 36
		S: 2 29
		S: .
		C: LIST 2
		S: +OK 2 29
		C: UIDL
		S: +OK listing follows
		S: 1 idA
		S: 2 idB
		S: .
		C: UIDL 1
		S: +OK 1 idA
		C: LIST 3
		S: -ERR no such message
		C: LIST 0
		S: -ERR no message number
		C: LIST +1
		S: -ERR no message number
		C: NOOP
		S: +OK nothing done`,
	"dots are doubled": login + `
		C: RETR 1
		S: +OK message follows
		S: Subject: one
		S:
		S: ..dot
		S: ...two
		S:
		S: end
		S: .`,
	"newlines are mended": login + `
		C: RETR 2
		S: +OK message follows
		S: Subject: two
		S:
		S: bare
		S: ..
		S: newlines
		S: .`,
	"top": login + `
		C: TOP 1 0
		S: +OK message follows
		S: Subject: one
		S:
		S: .
		C: TOP 1 2
		S: +OK message follows
		S: Subject: one
		S:
		S: ..dot
		S: ...two
		S: .
		C: TOP 1 100
		S: +OK message follows
		S: Subject: one
		S:
		S: ..dot
		S: ...two
		S:
		S: end
		S: .
		C: TOP 1
		S: -ERR TOP wants a number of lines
		C: TOP 3 1
		S: -ERR no such message`,
	"deleting and not": login + `
		C: DELE 1
		S: +OK deleted
		C: DELE 1
		S: -ERR no such message
		C: RETR 1
		S: -ERR no such message
		C: STAT
		S: +OK 1 29
		C: LIST
		S: +OK listing follows
		S: 2 29
		S: .
		C: RSET
		S: +OK nothing is deleted
		C: STAT
		S: +OK 2 65`,
	"the states": greeting + `
		C: STAT
		S: -ERR not now
		C: RETR 1
		S: -ERR not now
		C: STLS
		S: -ERR unknown command
		C: USER
		S: -ERR USER wants a name
		C: PASS demo
		S: -ERR USER first
		C: user demo
		S: +OK send PASS
		C: pass demo
		S: +OK logged in
		C: USER demo
		S: -ERR not now
		C: AUTH PLAIN
		S: -ERR not now`,
	"AUTH": greeting + `
		C: AUTH
		S: +OK mechanisms follow
		S: PLAIN
		S: .
		C: AUTH CRAM-MD5
		S: -ERR unknown mechanism
		C: AUTH PLAIN %
		S: -ERR no base64
		C: AUTH PLAIN
		S: + 
		C: *
		S: -ERR cancelled
		C: AUTH PLAIN =
		S: -ERR [AUTH] wrong user or password
		C: AUTH PLAIN cm9vdABkZW1vAGRlbW8=
		S: -ERR [AUTH] wrong user or password
		C: AUTH PLAIN
		S: + 
		C: ` + right + `
		S: +OK logged in`,
	"AUTH at once": greeting + `
		C: auth plain ` + right + `
		S: +OK logged in`,
	"three wrong passwords": greeting + `
		C: USER demo
		S: +OK send PASS
		C: PASS demo 
		S: -ERR [AUTH] wrong user or password
		C: APOP demo 00
		S: -ERR [AUTH] wrong user or password
		C: AUTH PLAIN ` + wrong + `
		S: -ERR [AUTH] wrong user or password
		S! close`,
	"pipelined": greeting + `
		C| USER demo\r\nPASS demo\r\nSTAT\r\nQUIT\r\n
		S: +OK send PASS
		S: +OK logged in
		S: +OK 2 65
		S: +OK bye
		S! close`,
	"many errors": greeting +
		strings.Repeat("C: GET / HTTP/1.1\nS: -ERR unknown command\n", maxErrors) + "S! close",
	"a bare LF": greeting + `
		C| CAPA\nQUIT\r\n
		S: -ERR bare <LF> in a command line
		S: +OK bye`,
	"a long line": greeting + `
		C: ` + strings.Repeat("A", maxLine) + `
		S: -ERR line too long
		S! close`,
}

func TestDialogs(t *testing.T) {
	for name, script := range dialogs {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			talk.Run(t, talk.Serve(t, demo(two()).Serve), script)
		})
	}
}
