package smarthost_test

import (
	"crypto/tls"
	"io"
	"log"
	"net"
	"slices"
	"strings"
	"sync"

	gosmtp "github.com/emersion/go-smtp"
)

// inbox is a server that accepts mail.
type inbox struct {
	mu       sync.Mutex
	messages []string // envelope and text
	tls      []bool
	names    []string                     // the names that clients have sent in EHLO
	refuse   map[string]*gosmtp.SMTPError // by recipient, or by text
}

// serve starts a mail server, with STARTTLS if it has a certificate.
func (b *inbox) serve(certificates ...tls.Certificate) func(net.Listener) {
	return b.serveWith(func(s *gosmtp.Server) {
		if len(certificates) > 0 {
			s.TLSConfig = &tls.Config{Certificates: certificates}
		}
	})
}

func (b *inbox) serveWith(change func(*gosmtp.Server)) func(net.Listener) {
	s := gosmtp.NewServer(gosmtp.BackendFunc(func(c *gosmtp.Conn) (gosmtp.Session, error) {
		_, secured := c.TLSConnectionState()
		return &delivery{inbox: b, secured: secured, name: c.Hostname()}, nil
	}))
	s.Domain, s.ErrorLog, s.EnableSMTPUTF8 = "mx.example.net", log.New(io.Discard, "", 0), true
	s.ReadTimeout, s.WriteTimeout = patience, patience
	change(s)
	return func(l net.Listener) {
		_ = s.Serve(l)
		_ = s.Close()
	}
}

func (b *inbox) got() (messages []string, secured []bool, names []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.messages), slices.Clone(b.tls), slices.Clone(b.names)
}

type delivery struct {
	inbox    *inbox
	secured  bool
	name     string
	envelope string
}

func (d *delivery) Reset()        { d.envelope = "" }
func (d *delivery) Logout() error { return nil }

func (d *delivery) Mail(from string, o *gosmtp.MailOptions) error {
	d.envelope = "<" + from + ">"
	if o.UTF8 {
		d.envelope += " SMTPUTF8"
	}
	return d.inbox.verdict(from)
}

func (d *delivery) Rcpt(to string, _ *gosmtp.RcptOptions) error {
	if err := d.inbox.verdict(to); err != nil {
		return err
	}
	d.envelope += " <" + to + ">"
	return nil
}

func (d *delivery) Data(r io.Reader) error {
	text, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	if err := d.inbox.verdict(string(text)); err != nil {
		return err
	}
	d.inbox.mu.Lock()
	defer d.inbox.mu.Unlock()
	d.inbox.messages = append(d.inbox.messages, d.envelope+"\r\n"+string(text))
	d.inbox.tls, d.inbox.names = append(d.inbox.tls, d.secured), append(d.inbox.names, d.name)
	return &gosmtp.SMTPError{Code: 250, EnhancedCode: gosmtp.EnhancedCode{2, 0, 0}, Message: "queued as 4711"}
}

func (b *inbox) verdict(on string) error {
	for what, refusal := range b.refuse {
		if strings.Contains(on, what) {
			return refusal
		}
	}
	return nil
}
