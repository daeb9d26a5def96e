package pop3d

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
)

// number returns the message for an argument, or replies with an error.
func (s *session) number(argument string) (int, *message) {
	n, err := strconv.ParseUint(argument, 10, 31)
	if err != nil || n == 0 {
		s.wrong("no message number")
		return 0, nil
	}
	if n > uint64(len(s.messages)) || s.messages[n-1].deleted {
		s.fail("no such message")
		return 0, nil
	}
	return int(n), &s.messages[n-1]
}

// stat counts the messages that are not deleted (RFC 1939 §5).
func (s *session) stat(string) {
	count, size := 0, int64(0)
	for _, m := range s.messages {
		if !m.deleted {
			count++
			size += m.Size
		}
	}
	s.ok(fmt.Sprintf("%d %d", count, size))
}

func (s *session) list(argument string) {
	s.listing(argument, func(m *message) string { return strconv.FormatInt(m.Size, 10) })
}

func (s *session) uidl(argument string) {
	s.listing(argument, func(m *message) string { return m.ID })
}

// listing replies for one message or for all.
func (s *session) listing(argument string, show func(*message) string) {
	if argument != "" {
		if n, m := s.number(argument); m != nil {
			s.ok(fmt.Sprintf("%d %s", n, show(m)))
		}
		return
	}
	s.ok("listing follows")
	for i := range s.messages {
		if m := &s.messages[i]; !m.deleted {
			s.conn.Print(strconv.Itoa(i+1), " ", show(m), "\r\n")
		}
	}
	s.conn.Print(".\r\n")
}

// retr does not mark the message as read in IMAP, because the client may leave
// it on the server.
func (s *session) retr(argument string) {
	if _, m := s.number(argument); m != nil {
		s.send(m, -1)
	}
}

func (s *session) top(argument string) {
	which, count, _ := strings.Cut(argument, " ")
	lines, err := strconv.ParseUint(count, 10, 31)
	if err != nil {
		s.wrong("TOP wants a number of lines")
		return
	}
	if _, m := s.number(which); m != nil {
		s.send(m, int(lines))
	}
}

// dele only marks the message; quit deletes it.
func (s *session) dele(argument string) {
	if _, m := s.number(argument); m != nil {
		m.deleted = true
		s.ok("deleted")
	}
}

func (s *session) rset(string) {
	for i := range s.messages {
		s.messages[i].deleted = false
	}
	s.ok("nothing is deleted")
}

// send sends a message: the header and a number of lines of the body, or all if
// the number is negative.
func (s *session) send(m *message, lines int) {
	text, err := s.drop.Text(m.UID)
	if err != nil {
		s.fail("[SYS/TEMP] the message cannot be read")
		return
	}
	s.ok("message follows")
	body := false
	for line := range bytes.Lines(text) {
		if body && lines == 0 {
			break
		}
		line = bytes.TrimSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte("\r"))
		if body && lines > 0 {
			lines--
		}
		body = body || len(line) == 0
		s.line(line)
	}
	s.conn.Print(".\r\n")
}

// line sends one line of a message. Every line ends in CRLF, even if it ended
// in LF alone, and every leading dot is doubled, so that no text can end the
// response (RFC 1939 §3).
func (s *session) line(line []byte) {
	if len(line) > 0 && line[0] == '.' {
		s.conn.Print(".")
	}
	_, _ = s.conn.Write(line) // Flush reports errors
	s.conn.Print("\r\n")
}
