package pop3d

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/letterlock/letterlock/internal/wire"
)

// Server serves one user. All fields must be set.
type Server struct {
	Hostname       string // in the greeting and the APOP timestamp
	User, Password string // APOP needs the password itself

	// Open opens the maildrop of the user, who has logged in.
	Open func() (Maildrop, error)
}

const (
	maxLine     = 4096            // bytes; commands have 255 at most (RFC 2449 §4), tokens more
	maxErrors   = 10              // the maximum of wrong commands
	maxLogins   = 3               // the maximum of failed logins
	loginTime   = 2 * time.Minute // from accept to login
	idleTime    = 10 * time.Minute
	writingTime = time.Minute
)

// Serve runs a session on a connection and closes the connection.
func (s *Server) Serve(conn net.Conn) {
	session := &session{
		server: s,
		conn:   wire.New(conn, wire.Limits{Line: maxLine, Wait: idleTime, Write: writingTime}),
		stamp:  fmt.Sprintf("<%s@%s>", rand.Text(), s.Hostname),
		state:  authorization,
	}
	defer session.close()
	session.run()
}

// session is one conversation.
type session struct {
	server *Server
	conn   *wire.Conn
	stamp  string // the timestamp for APOP
	state  state

	user     string // after USER
	errors   int
	failures int // failed logins

	drop     Maildrop
	messages []message
}

// message is a message of the maildrop, as numbered at login.
type message struct {
	Message

	deleted bool
}

func (s *session) run() {
	s.conn.Deadline(time.Now().Add(loginTime))
	s.ok("POP3 server ready " + s.stamp)
	for s.state != ended {
		if s.conn.Flush() != nil {
			return
		}
		line, err := s.conn.ReadLine()
		switch _, syntax := errors.AsType[wire.SyntaxError](err); {
		case err == nil:
			s.do(string(line))
		case syntax:
			s.wrong(err.Error())
		case errors.Is(err, wire.ErrLineTooLong):
			s.fail(err.Error())
			return
		default:
			return
		}
	}
}

// close ends the session; messages that are marked as deleted stay unless QUIT
// was sent (RFC 1939 §6).
func (s *session) close() {
	if s.drop != nil {
		_ = s.drop.Close()
	}
	_ = s.conn.Close()
}

// ok sends a positive reply.
func (s *session) ok(text string) { s.conn.Print("+OK ", text, "\r\n") }

// fail sends a negative reply.
func (s *session) fail(text string) { s.conn.Print("-ERR ", text, "\r\n") }

// wrong sends a negative reply to an invalid command, and ends the session
// after too many of them.
func (s *session) wrong(text string) {
	s.fail(text)
	if s.errors++; s.errors == maxErrors {
		s.state = ended
	}
}
