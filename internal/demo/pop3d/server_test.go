package pop3d

import (
	"bytes"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/letterlock/letterlock/internal/demo/talk"
)

// The initial responses of PLAIN: right, and with a wrong password.
const (
	right = "AGRlbW8AZGVtbw=="
	wrong = "AGRlbW8Abm8="
)

const greeting = "S: +OK POP3 server ready <*\n"

const login = greeting + `
	C: USER demo
	S: +OK send PASS
	C: PASS demo
	S: +OK logged in
`

// texts is a maildrop in memory that can be told to fail.
type texts struct {
	all     []string
	deleted []uint32
	closed  bool
	err     error
}

func (d *texts) Messages() (messages []Message) {
	for i, text := range d.all {
		messages = append(messages, Message{
			UID: uint32(i + 1), ID: "id" + string(rune('A'+i)), Size: int64(len(text)),
		})
	}
	return messages
}

func (d *texts) Text(uid uint32) ([]byte, error) { return []byte(d.all[uid-1]), d.err }
func (d *texts) Close() error                    { d.closed = true; return nil }

func (d *texts) Delete(uids []uint32) error {
	d.deleted = append(d.deleted, uids...)
	return d.err
}

func demo(d *texts) *Server {
	return &Server{
		Hostname: "mail.example.com", User: "demo", Password: "demo",
		Open: func() (Maildrop, error) { return d, nil },
	}
}

func two() *texts {
	return &texts{all: []string{
		"Subject: one\r\n\r\n.dot\r\n..two\r\n\r\nend\r\n",
		"Subject: two\n\nbare\n.\nnewlines",
	}}
}

func TestDialogs(t *testing.T) {
	for name, script := range map[string]string{
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
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			talk.Run(t, talk.Serve(t, demo(two()).Serve), script)
		})
	}
}

func TestAPOP(t *testing.T) {
	t.Parallel()
	first, _, _ := strings.Cut(string(talk.Feed(demo(two()).Serve, nil)), "\r\n")
	again, _, _ := strings.Cut(string(talk.Feed(demo(two()).Serve, nil)), "\r\n")
	if first == again {
		t.Errorf("the timestamp comes twice: %s", first)
	}
	stamp := first[strings.IndexByte(first, '<'):]
	if !strings.HasSuffix(stamp, "@mail.example.com>") {
		t.Errorf("no timestamp: %s", stamp)
	}

	conn := talk.Serve(t, demo(two()).Serve)
	line := make([]byte, len(first)+2)
	if _, err := io.ReadFull(conn, line); err != nil {
		t.Fatal(err)
	}
	stamp = string(line[bytes.IndexByte(line, '<') : len(line)-2])
	sum := md5.Sum([]byte(stamp + "demo"))
	digest := hex.EncodeToString(sum[:])
	talk.Run(t, conn, `
		C: APOP demo
		S: -ERR [AUTH] wrong user or password
		C: APOP other `+digest+`
		S: -ERR [AUTH] wrong user or password
		C: APOP demo `+digest+`
		S: +OK logged in`)
}

func TestUpdateHappensAtQuitOnly(t *testing.T) {
	for name, c := range map[string]struct {
		end  string
		err  error
		want []uint32
	}{
		"QUIT":       {end: "C: QUIT\nS: +OK bye\nS! close", want: []uint32{2}},
		"hanging up": {end: "C: NOOP\nS: +OK nothing done"},
		"failing": {
			end: "C: QUIT\nS: -ERR [SYS/TEMP] some deleted messages were not removed\nS! close",
			err: errors.New("no"), want: []uint32{2},
		},
	} {
		drop := two()
		t.Run(name, func(t *testing.T) {
			drop.err = c.err
			talk.Run(t, talk.Serve(t, demo(drop).Serve), login+"C: DELE 2\nS: +OK deleted\n"+c.end)
		})
		// The subtest has waited for the end of the session.
		if len(drop.deleted) != len(c.want) || !drop.closed {
			t.Errorf("%s: deleted %v, want %v; closed %v", name, drop.deleted, c.want, drop.closed)
		}
	}
}

func TestMaildropFails(t *testing.T) {
	t.Parallel()
	drop := two()
	drop.err = errors.New("no")
	talk.Run(t, talk.Serve(t, demo(drop).Serve), login+`
		C: RETR 1
		S: -ERR [SYS/TEMP] the message cannot be read`)

	shut := demo(drop)
	shut.Open = func() (Maildrop, error) { return nil, errors.New("no") }
	talk.Run(t, talk.Serve(t, shut.Serve), greeting+`
		C: AUTH PLAIN `+right+`
		S: -ERR [SYS/TEMP] the maildrop cannot be opened
		C: STAT
		S: -ERR not now`)
}

// Whatever a client sends, the session ends with the connection, and each line
// of an answer is a status or part of a listing.
func FuzzServe(f *testing.F) {
	f.Add([]byte("USER demo\r\nPASS demo\r\nSTAT\r\nRETR 1\r\nTOP 2 1\r\nDELE 1\r\nQUIT\r\n"))
	f.Add([]byte("AUTH PLAIN\r\n" + right + "\r\nUIDL\r\nLIST 2\r\nRSET\r\n"))
	f.Add([]byte("APOP demo 00\r\nCAPA\r\nAUTH\r\n\x00\r\nQUIT\n"))
	f.Fuzz(func(t *testing.T, input []byte) {
		output := talk.Feed(demo(two()).Serve, input)
		if !bytes.HasPrefix(output, []byte("+OK ")) || !bytes.HasSuffix(output, []byte("\r\n")) {
			t.Errorf("got %q", output)
		}
	})
}
