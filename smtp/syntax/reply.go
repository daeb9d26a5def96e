package syntax

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/letterlock/letterlock/internal/wire"
)

// Reply is a reply of a server: its code, and its lines as received.
type Reply struct {
	Code int
	Text []byte // each line with its code and its CRLF
}

// OK reports whether the reply is positive (2yz).
func (r Reply) OK() bool { return r.Code/100 == 2 }

// String returns the lines of the reply, without the CRLF of the last one.
func (r Reply) String() string { return strings.TrimSuffix(string(r.Text), "\r\n") }

// Lines returns the lines of the reply without their codes.
func (r Reply) Lines() []string {
	lines := strings.Split(r.String(), "\r\n")
	for i, line := range lines {
		lines[i] = line[min(len(line), len("250 ")):]
	}
	return lines
}

// Unexpected returns an error that quotes the first line of the reply to a
// command. Replies of SMTP contain no secrets.
func (r Reply) Unexpected(command string) error {
	line, _, _ := bytes.Cut(r.Text, []byte("\r\n"))
	return fmt.Errorf("the backend replies to %s with %q", command, line[:min(len(line), MaxPrintable)])
}

// MaxReply bounds a reply, in bytes. A long HELP fits in.
const MaxReply = 64 << 10

// usualReply holds the reply of most servers to EHLO, in bytes.
const usualReply = 512

// ReadReply reads a reply into a buffer, which it extends where necessary. A
// malformed reply is ErrReply; any other error is the connection's.
func ReadReply(back *wire.Stream, buffer []byte) (Reply, error) {
	if buffer == nil {
		buffer = make([]byte, 0, usualReply)
	}
	r := Reply{Text: buffer[:0]}
	for {
		line, err := back.ReadLine()
		if err != nil {
			return Reply{}, err
		}
		code, last, err := ReplyLine(line)
		if err != nil || r.Code != 0 && r.Code != code || len(r.Text)+len(line) > MaxReply {
			return Reply{}, ErrReply
		}
		r.Code = code
		r.Text = append(append(r.Text, line...), "\r\n"...)
		if last {
			return r, nil
		}
	}
}

// ErrReply says that a line is not a line of a reply, or that a reply is too
// long.
var ErrReply = errors.New("the reply is not an SMTP reply")

// ReplyLine reads the code of a line and whether it is the last one
// (RFC 5321 §4.2.1).
func ReplyLine(line []byte) (code int, last bool, err error) {
	if len(line) < 3 || line[0] < '2' || line[0] > '5' || !digit(line[1]) || !digit(line[2]) {
		return 0, false, ErrReply
	}
	code = int(line[0]-'0')*100 + int(line[1]-'0')*10 + int(line[2]-'0')
	switch {
	case len(line) == 3 || line[3] == ' ':
		return code, true, nil
	case line[3] == '-':
		return code, false, nil
	}
	return 0, false, ErrReply
}

func digit(b byte) bool { return b >= '0' && b <= '9' }
