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

// User and Password are the one login there is.
const (
	User     = "demo"
	Password = "demo"
)

// Domain is the one whose mail is delivered, whatever the local part.
const Domain = "example.com"

// Server is the running servers. Its methods may be called from any goroutine.
type Server struct {
	smtp, submission, imap, pop3, sieve *listener

	loops sync.WaitGroup
}

// Start listens on five free ports of 127.0.0.1 and serves them until Close.
// The hostname is what the servers call themselves. It fails if the hostname
// is no word, or if there is no port to be had.
func Start(hostname string) (*Server, error) {
	if hostname == "" || strings.ContainsFunc(hostname, notInHostname) {
		return nil, fmt.Errorf("demo: %q is no hostname", hostname)
	}
	// The mailbox is filled before there is a port, so that the first client
	// finds it whole.
	box, err := mailbox.New(User, Password, welcome(hostname))
	if err != nil {
		return nil, fmt.Errorf("demo: %w", err)
	}
	s := &Server{}
	for _, l := range s.listeners() {
		if *l, err = listen(); err != nil {
			return nil, errors.Join(fmt.Errorf("demo: %w", err), s.Close())
		}
	}
	s.serve(hostname, box)
	return s, nil
}

// serve starts a goroutine for each listener; what those start, the listener
// counts.
func (s *Server) serve(hostname string, box *mailbox.Mailbox) {
	mx := smtpd.New(hostname, Domain, box)
	submission := smtpd.NewSubmission(hostname, Domain, box)
	imap := imapserver.New(box.IMAP())
	pop3 := &pop3d.Server{
		Hostname: hostname, User: User, Password: Password,
		Open: func() (pop3d.Maildrop, error) { return pop3d.OpenIMAP(s.IMAP(), User, Password) },
	}
	sieve := &sieved.Server{Authenticate: box.Authenticate}

	// These end when their listeners do, and their errors say no more than that.
	s.loops.Go(func() { _ = mx.Serve(s.smtp) })
	s.loops.Go(func() { _ = submission.Serve(s.submission) })
	s.loops.Go(func() { _ = imap.Serve(s.imap) })
	s.loops.Go(func() { s.pop3.each(pop3.Serve) })
	s.loops.Go(func() { s.sieve.each(sieve.Serve) })
}

// SMTP is the host:port of the MX: no AUTH, recipients at example.com only.
func (s *Server) SMTP() string { return s.smtp.Addr().String() }

// Submission is the host:port for authenticated mail, by PLAIN or LOGIN. It
// goes to example.com only.
func (s *Server) Submission() string { return s.submission.Addr().String() }

// IMAP is the host:port of the IMAP4rev1 and IMAP4rev2 server.
func (s *Server) IMAP() string { return s.imap.Addr().String() }

// POP3 is the host:port of the POP3 server.
func (s *Server) POP3() string { return s.pop3.Addr().String() }

// Sieve is the host:port of the ManageSieve server.
func (s *Server) Sieve() string { return s.sieve.Addr().String() }

// Close ends the listeners and every session, and returns when the last one is
// gone. It may be called again.
func (s *Server) Close() error {
	var errs []error
	for _, l := range s.listeners() {
		if *l != nil {
			errs = append(errs, (*l).cut())
		}
	}
	// Only when all are cut: a session may wait for one of another server.
	for _, l := range s.listeners() {
		if *l != nil {
			(*l).sessions.Wait()
		}
	}
	s.loops.Wait()
	return errors.Join(errs...)
}

// listeners are where Start puts them, nil as long as it has not.
func (s *Server) listeners() []**listener {
	return []**listener{&s.smtp, &s.submission, &s.imap, &s.pop3, &s.sieve}
}

// notInHostname keeps out what would break a greeting or a header line.
func notInHostname(r rune) bool { return r <= ' ' || r >= 0x7f }
