package demo

import (
	"strings"
	"testing"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"

	"github.com/letterlock/letterlock/internal/test/loopback"
)

const hostname = "mail.example.com"

func start(t testing.TB) *Server {
	t.Helper()
	s, err := Start(loopback.Host(), hostname)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// send sends a message by SMTP, with a login if auth is set.
func send(t *testing.T, address string, auth sasl.Client, message string) {
	t.Helper()
	c, err := smtp.Dial(address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	if auth != nil {
		if err := c.Auth(auth); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.SendMail("a@example.net", []string{"anybody@example.com"}, strings.NewReader(message)); err != nil {
		t.Fatal(err)
	}
	if err := c.Quit(); err != nil {
		t.Error(err)
	}
}

// login logs in by IMAP and selects the INBOX.
func login(t *testing.T, s *Server, options *imapclient.Options) *imapclient.Client {
	t.Helper()
	c, err := imapclient.DialInsecure(s.IMAP(), options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if err := c.Login(User, Password).Wait(); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Select("INBOX", nil).Wait(); err != nil {
		t.Fatal(err)
	}
	return c
}

// inbox returns all messages of the INBOX, by IMAP.
func inbox(t *testing.T, c *imapclient.Client) (texts []string) {
	t.Helper()
	whole := &imap.FetchItemBodySection{Peek: true}
	var all imap.SeqSet
	all.AddRange(1, 0)
	found, err := c.Fetch(all, &imap.FetchOptions{BodySection: []*imap.FetchItemBodySection{whole}}).Collect()
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range found {
		texts = append(texts, string(m.FindBodySection(whole)))
	}
	return texts
}

// holdTo compares the INBOX with the expected subjects.
func holdTo(t *testing.T, texts []string, subjects ...string) {
	t.Helper()
	if len(texts) != len(subjects) {
		t.Fatalf("%d messages, want %d", len(texts), len(subjects))
	}
	for i, subject := range subjects {
		if !strings.Contains(texts[i], "\r\nSubject: "+subject+"\r\n") {
			t.Errorf("message %d is not %s: %q", i+1, subject, texts[i])
		}
	}
}
