package sieved

import (
	"errors"
	"net"
	"time"

	"github.com/letterlock/letterlock/internal/wire"
)

// Server serves one user's scripts. Authenticate must be set.
type Server struct {
	Authenticate func(username, password string) bool

	scripts scripts
}

const (
	maxLine     = 8 << 10          // bytes of a command without its literals
	maxErrors   = 10               // the maximum of consecutive refused commands
	maxLogins   = 3                // the maximum of failed logins
	loginTime   = 2 * time.Minute  // from accept to login
	idleTime    = 30 * time.Minute // RFC 5804 §1.2
	literalTime = time.Minute      // between two reads of a literal
	writingTime = time.Minute
)

// Serve runs a session on a connection and closes the connection.
func (s *Server) Serve(conn net.Conn) {
	c := wire.New(conn, wire.Limits{
		Line: maxLine, Wait: idleTime, Text: literalTime, Write: writingTime,
	})
	defer func() { _ = c.Close() }()
	session := &session{server: s, conn: c}
	session.run()
}

// session is one conversation.
type session struct {
	server *Server
	conn   *wire.Conn

	user     string // empty before the login
	errors   int
	failures int // failed logins
	ended    bool
}

func (s *session) run() {
	s.restart()
	s.capability(nil)
	for !s.ended {
		if s.conn.Flush() != nil {
			return
		}
		c, err := readCommand(s.conn)
		switch {
		case err == nil:
			s.do(c)
		case errors.Is(err, errSyntax):
			// The session ends, because a literal may follow, which would be
			// read as commands.
			s.bye(err.Error())
		default:
			return
		}
	}
}

// restart begins the state before the login.
func (s *session) restart() {
	s.user = ""
	s.conn.Deadline(time.Now().Add(loginTime))
}

// ok sends a positive reply, with a response code if there is one.
func (s *session) ok(code, text string) {
	s.errors = 0
	s.answer("OK", code, text)
}

// no sends a negative reply, and ends the session after too many of them.
func (s *session) no(code, text string) {
	if s.errors++; s.errors == maxErrors {
		s.bye("too many errors")
		return
	}
	s.answer("NO", code, text)
}

// bye ends the session.
func (s *session) bye(text string) {
	s.answer("BYE", "", text)
	s.ended = true
}

func (s *session) answer(word, code, text string) {
	if code != "" {
		code = " (" + code + ")"
	}
	s.conn.Print(word, code, " ", encode(text), "\r\n")
}
