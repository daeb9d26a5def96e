package smtpd

import (
	"io"
	"log"
	"time"

	"github.com/emersion/go-smtp"
)

// Mailbox receives the mail, and checks the login for submission.
type Mailbox interface {
	Authenticate(username, password string) bool
	Deliver(trace, message []byte) error
}

const (
	maxMessage    = 25 << 20 // bytes
	maxRecipients = 100
	patience      = 5 * time.Minute // RFC 5321 §4.5.3.2.7; for a whole message too
)

// New returns the MX for a domain.
func New(hostname, domain string, box Mailbox) *smtp.Server {
	return server(hostname, func(c *smtp.Conn) (smtp.Session, error) {
		return &session{conn: c, hostname: hostname, domain: domain, box: box}, nil
	})
}

// NewSubmission returns the server that requires a login (RFC 6409).
func NewSubmission(hostname, domain string, box Mailbox) *smtp.Server {
	return server(hostname, func(c *smtp.Conn) (smtp.Session, error) {
		return &submission{
			session: session{conn: c, hostname: hostname, domain: domain, box: box},
		}, nil
	})
}

// server returns the common settings of both: every extension that go-smtp
// supports and that a mailbox in memory can fulfil.
func server(hostname string, newSession smtp.BackendFunc) *smtp.Server {
	s := smtp.NewServer(newSession)
	s.Domain = hostname
	s.AllowInsecureAuth = true
	s.MaxMessageBytes = maxMessage
	s.MaxRecipients = maxRecipients
	s.ReadTimeout = patience
	s.WriteTimeout = patience
	s.EnableSMTPUTF8 = true
	s.EnableBINARYMIME = true
	s.EnableDSN = true
	s.ErrorLog = log.New(io.Discard, "", 0) // disconnected clients are not logged
	return s
}
