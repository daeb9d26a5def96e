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

// The initial responses of PLAIN: correct, and with a wrong password.
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

// texts is a maildrop in memory that fails on request.
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

func TestAPOP(t *testing.T) {
	t.Parallel()
	first, _, _ := strings.Cut(string(talk.Feed(demo(two()).Serve, nil)), "\r\n")
	again, _, _ := strings.Cut(string(talk.Feed(demo(two()).Serve, nil)), "\r\n")
	if first == again {
		t.Errorf("two sessions have the same timestamp: %s", first)
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
		// The subtest waits for the end of the session.
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

// For any input the session ends with the connection, and each line of a reply
// is a status or part of a listing.
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
