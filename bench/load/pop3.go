//go:build linux

package load

type pop3 struct{}

func (pop3) greeting(s *session) error { return s.reply("+OK", anyLine) }

func (c pop3) startTLS(s *session) error {
	if err := c.greeting(s); err != nil {
		return err
	}
	return s.pop3("STLS\r\n")
}

func (pop3) login(s *session) error {
	if err := s.pop3("USER user\r\n"); err != nil {
		return err
	}
	return s.pop3("PASS pass\r\n")
}

func (pop3) noop(s *session) error   { return s.pop3("NOOP\r\n") }
func (pop3) logout(s *session) error { return s.pop3("QUIT\r\n") }

func (s *session) pop3(command string) error {
	if err := s.send(command); err != nil {
		return err
	}
	return s.reply("+OK", anyLine)
}
