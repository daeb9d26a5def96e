//go:build linux

package load

import "fmt"

type smtp struct{}

func (smtp) greeting(s *session) error { return s.reply("220", lastLine) }

func (c smtp) startTLS(s *session) error {
	if err := c.greeting(s); err != nil {
		return err
	}
	if err := s.smtp("EHLO client.example\r\n", "250"); err != nil {
		return err
	}
	return s.smtp("STARTTLS\r\n", "220")
}

func (smtp) login(s *session) error {
	if err := s.smtp("EHLO client.example\r\n", "250"); err != nil {
		return err
	}
	return s.smtp("AUTH PLAIN AHVzZXIAcGFzcw==\r\n", "235") // user, pass
}

func (smtp) noop(s *session) error   { return s.smtp("NOOP\r\n", "250") }
func (smtp) logout(s *session) error { return s.smtp("QUIT\r\n", "221") }

// smtp sends commands, and then reads the reply to each, in order.
func (s *session) smtp(commands string, codes ...string) error {
	if err := s.send(commands); err != nil {
		return err
	}
	for _, code := range codes {
		if err := s.reply(code, lastLine); err != nil {
			return err
		}
	}
	return nil
}

func lastLine(line []byte) bool { return len(line) < 4 || line[3] != '-' }

const (
	mailFrom = "MAIL FROM:<alice@example.com>\r\n"
	rcptTo   = "RCPT TO:<bob@example.net>\r\n"
)

// message sends message i.
func (s *session) message(j *Job, i int) error {
	size := j.Size
	if len(j.Sizes) > 0 {
		size = j.Sizes[i%len(j.Sizes)]
	}
	size = whole(size)
	switch {
	case j.Chunking:
		return s.chunked(j, size)
	case j.Pipelining:
		if err := s.smtp(mailFrom+rcptTo+"DATA\r\n", "250", "250", "354"); err != nil {
			return err
		}
	default:
		if err := s.envelope(); err != nil {
			return err
		}
		if err := s.smtp("DATA\r\n", "354"); err != nil {
			return err
		}
	}
	if err := s.fill(size); err != nil {
		return err
	}
	return s.smtp(".\r\n", "250")
}

func (s *session) envelope() error {
	if err := s.smtp(mailFrom, "250"); err != nil {
		return err
	}
	return s.smtp(rcptTo, "250")
}

// chunked sends the message as one chunk (RFC 3030). With PIPELINING it waits
// for no reply before the chunk.
func (s *session) chunked(j *Job, size int) error {
	start, codes := fmt.Sprintf("BDAT %d LAST\r\n", size), []string{"250"}
	if j.Pipelining {
		start, codes = mailFrom+rcptTo+start, []string{"250", "250", "250"}
	} else if err := s.envelope(); err != nil {
		return err
	}
	if err := s.send(start); err != nil {
		return err
	}
	if err := s.fill(size); err != nil {
		return err
	}
	return s.smtp("", codes...)
}

// whole rounds n down to the length of whole lines.
func whole(n int) int { return n / len(fillerLine) * len(fillerLine) }
