package demo

import (
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/emersion/go-imap/v2/imapserver"

	"github.com/letterlock/letterlock/internal/demo/mailbox"
	"github.com/letterlock/letterlock/internal/demo/pop3d"
	"github.com/letterlock/letterlock/internal/demo/sieved"
	"github.com/letterlock/letterlock/internal/demo/smtpd"
)

// User and Password are the only login.
const (
	User     = "demo"
	Password = "demo"
)

// Domain is the domain whose mail is delivered, whatever the local part.
const Domain = "example.com"

// Server holds the running servers. Its methods may be called from any
// goroutine.
type Server struct {
	smtp, submission, imap, pop3, sieve *listener

	loops sync.WaitGroup
}

// Start listens on five free ports of an IP address and serves them until Close.
// hostname is the servers' name in greetings. Start fails if hostname contains
// invalid characters, or if a port cannot be opened.
func Start(ip, hostname string) (*Server, error) {
	if hostname == "" || strings.ContainsFunc(hostname, notInHostname) {
		return nil, fmt.Errorf("demo: %q is not a hostname", hostname)
	}
	// The mailbox is filled before a port is open, so that the first client
	// finds all of it.
	box, err := mailbox.New(User, Password, welcome(hostname))
	if err != nil {
		return nil, fmt.Errorf("demo: %w", err)
	}
	s := &Server{}
	for _, l := range s.listeners() {
		if *l, err = listen(ip); err != nil {
			return nil, errors.Join(fmt.Errorf("demo: %w", err), s.Close())
		}
	}
	s.serve(hostname, box)
	return s, nil
}

// serve starts a goroutine for each listener; the listeners count the
// goroutines of the sessions.
func (s *Server) serve(hostname string, box *mailbox.Mailbox) {
	mx := smtpd.New(hostname, Domain, box)
	submission := smtpd.NewSubmission(hostname, Domain, box)
	imap := imapserver.New(box.IMAP())
	pop3 := &pop3d.Server{
		Hostname: hostname, User: User, Password: Password,
		Open: func() (pop3d.Maildrop, error) { return pop3d.OpenIMAP(s.IMAP(), User, Password) },
	}
	sieve := &sieved.Server{Authenticate: box.Authenticate}

	// These return when their listeners are closed, with an error that says
	// only that.
	s.loops.Go(func() { _ = mx.Serve(s.smtp) })
	s.loops.Go(func() { _ = submission.Serve(s.submission) })
	s.loops.Go(func() { _ = imap.Serve(s.imap) })
	s.loops.Go(func() { s.pop3.each(pop3.Serve) })
	s.loops.Go(func() { s.sieve.each(sieve.Serve) })
}

// SMTP returns the host:port of the MX: no AUTH, recipients at example.com
// only.
func (s *Server) SMTP() string { return s.smtp.Addr().String() }

// Submission returns the host:port for authenticated mail, by PLAIN or LOGIN,
// to example.com only.
func (s *Server) Submission() string { return s.submission.Addr().String() }

// IMAP returns the host:port of the IMAP4rev1 and IMAP4rev2 server.
func (s *Server) IMAP() string { return s.imap.Addr().String() }

// POP3 returns the host:port of the POP3 server.
func (s *Server) POP3() string { return s.pop3.Addr().String() }

// Sieve returns the host:port of the ManageSieve server.
func (s *Server) Sieve() string { return s.sieve.Addr().String() }

// Close closes the listeners and every session, and returns when the last
// session has ended. It may be called again.
func (s *Server) Close() error {
	var errs []error
	for _, l := range s.listeners() {
		if *l != nil {
			errs = append(errs, (*l).cut())
		}
	}
	// The wait begins when all connections are closed, because a session may be
	// waiting for a session of another server.
	for _, l := range s.listeners() {
		if *l != nil {
			(*l).sessions.Wait()
		}
	}
	s.loops.Wait()
	return errors.Join(errs...)
}

// listeners are the listeners that Start opens, nil until then.
func (s *Server) listeners() []**listener {
	return []**listener{&s.smtp, &s.submission, &s.imap, &s.pop3, &s.sieve}
}

// notInHostname reports a character that would break a greeting or a header
// line.
func notInHostname(r rune) bool { return r <= ' ' || r >= 0x7f }
