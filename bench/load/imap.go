//go:build linux

package load

import "fmt"

// protocol holds the client functions that all protocols have.
type protocol interface {
	greeting(*session) error
	startTLS(*session) error // reads the greeting first
	login(*session) error
	noop(*session) error
	logout(*session) error
}

func speaker(name string) (protocol, error) {
	switch name {
	case "imap":
		return imap{}, nil
	case "pop3":
		return pop3{}, nil
	case "smtp":
		return smtp{}, nil
	}
	return nil, fmt.Errorf("%w: protocol %q", errJob, name)
}

type imap struct{}

func (imap) greeting(s *session) error { return s.reply("* OK", anyLine) }

func (c imap) startTLS(s *session) error {
	if err := c.greeting(s); err != nil {
		return err
	}
	return s.imap("a STARTTLS\r\n")
}

func (imap) login(s *session) error  { return s.imap("a LOGIN user pass\r\n") }
func (imap) noop(s *session) error   { return s.imap("a NOOP\r\n") }
func (imap) logout(s *session) error { return s.imap("a LOGOUT\r\n") }

// imap sends a command and waits for its end.
func (s *session) imap(command string) error {
	if err := s.send(command); err != nil {
		return err
	}
	return s.reply("a OK", tagged)
}

func tagged(line []byte) bool { return len(line) > 1 && line[0] == 'a' && line[1] == ' ' }

func anyLine([]byte) bool { return true }

// idle leaves the session in IDLE.
func (s *session) idle() error {
	if err := s.send("a IDLE\r\n"); err != nil {
		return err
	}
	return s.reply("+ ", anyLine)
}

// download fetches a message of n bytes: the backend uses the message number as
// the size.
func (s *session) download(n int) error {
	if err := s.send(fmt.Sprintf("a FETCH %d\r\n", n)); err != nil {
		return err
	}
	if err := s.reply("* ", anyLine); err != nil {
		return err
	}
	if err := s.swallow(n); err != nil {
		return err
	}
	return s.reply("a OK", tagged)
}

func (s *session) upload(n int) error {
	if err := s.send(fmt.Sprintf("a APPEND INBOX {%d+}\r\n", n)); err != nil {
		return err
	}
	if err := s.fill(n); err != nil {
		return err
	}
	return s.imap("\r\n")
}
