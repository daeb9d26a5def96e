package syntax

import "errors"

// ErrReply answers what is no line of a reply.
var ErrReply = errors.New("the answer is no SMTP reply")

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
