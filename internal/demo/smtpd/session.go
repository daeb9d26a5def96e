package smtpd

import (
	"fmt"
	"io"
	"net"
	"strings"
	"time"
	"unicode"

	"github.com/emersion/go-smtp"
)

// session has the common parts of the MX and submission.
type session struct {
	conn             *smtp.Conn
	hostname, domain string
	box              Mailbox

	with       string // the protocol for the Received header (RFC 3848, RFC 6531)
	from       string
	recipients []string
}

// Reset forgets the transaction.
func (s *session) Reset() { s.from, s.recipients = "", nil }

// Logout has nothing to free.
func (s *session) Logout() error { return nil }

// Mail accepts any sender.
func (s *session) Mail(from string, options *smtp.MailOptions) error {
	if strings.ContainsFunc(from, unicode.IsControl) {
		return refuse(501, smtp.EnhancedCode{5, 1, 7}, "control character in the address")
	}
	s.with = "ESMTP"
	if options.UTF8 {
		s.with = "UTF8SMTP"
	}
	s.from = from
	return nil
}

// Rcpt accepts any local part at the domain.
func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	return s.rcpt(to, smtp.EnhancedCode{5, 1, 1})
}

// rcpt refuses other domains with the service's reply code.
func (s *session) rcpt(to string, unknown smtp.EnhancedCode) error {
	if strings.ContainsFunc(to, unicode.IsControl) {
		return refuse(501, smtp.EnhancedCode{5, 1, 3}, "control character in the address")
	}
	at := strings.LastIndexByte(to, '@')
	if at < 0 || !strings.EqualFold(to[at+1:], s.domain) {
		return refuse(550, unknown, "the demo delivers to "+s.domain+" only")
	}
	s.recipients = append(s.recipients, to)
	return nil
}

// Data delivers one copy, whatever the number of recipients: there is one
// mailbox.
func (s *session) Data(r io.Reader) error {
	message, err := io.ReadAll(r) // go-smtp bounds it by maxMessage
	if err != nil {
		return err
	}
	if s.box.Deliver([]byte(s.trace()), message) != nil {
		return refuse(452, smtp.EnhancedCode{4, 2, 2}, "the mailbox is full")
	}
	return nil
}

// trace returns the header lines of the final delivery (RFC 5321 §4.4). No
// value in them can end a line: addresses were checked, and the client's name
// is cleaned.
func (s *session) trace() string {
	var b strings.Builder
	fmt.Fprintf(&b, "Return-Path: <%s>\r\n", s.from)
	for _, to := range s.recipients {
		fmt.Fprintf(&b, "Delivered-To: %s\r\n", to)
	}
	fmt.Fprintf(&b, "Received: from %s ([%s])\r\n\tby %s with %s;\r\n\t%s\r\n",
		printable(s.conn.Hostname()), host(s.conn.Conn().RemoteAddr()),
		s.hostname, s.with, time.Now().Format(time.RFC1123Z))
	return b.String()
}

// host returns an address without its port.
func host(address net.Addr) string {
	host, _, _ := net.SplitHostPort(address.String())
	return host
}

// printable removes characters that could end a header line: go-smtp ends a
// command at LF, so the name may contain a bare CR.
func printable(name string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return '?'
		}
		return r
	}, name)
}

// refuse returns an error reply with an enhanced status code (RFC 3463).
func refuse(code int, enhanced smtp.EnhancedCode, why string) error {
	return &smtp.SMTPError{Code: code, EnhancedCode: enhanced, Message: why}
}
