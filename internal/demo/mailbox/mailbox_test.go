package mailbox

import (
	"errors"
	"strings"
	"testing"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
	"github.com/emersion/go-imap/v2/imapserver"

	"github.com/letterlock/letterlock/internal/test/loopback"
)

const first = "Subject: first\r\n\r\nfirst\r\n"

func demo(t *testing.T) *Mailbox {
	t.Helper()
	m, err := New("demo", "demo", []byte(first))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// login serves the mailbox over a socket and logs in.
func login(t *testing.T, m *Mailbox) *imapclient.Client {
	t.Helper()
	l := loopback.Listen(t)
	server := imapserver.New(m.IMAP())
	done := make(chan error, 1)
	go func() { done <- server.Serve(l) }()
	c, err := imapclient.DialInsecure(l.Addr().String(), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = c.Close()
		_ = server.Close()
		<-done
	})
	if err := c.Login("demo", "demo").Wait(); err != nil {
		t.Fatal(err)
	}
	return c
}

// inboxText fetches a message of the INBOX, by its number.
func inboxText(t *testing.T, c *imapclient.Client, number uint32) string {
	t.Helper()
	if _, err := c.Select(inbox, nil).Wait(); err != nil {
		t.Fatal(err)
	}
	whole := &imap.FetchItemBodySection{Peek: true}
	got, err := c.Fetch(imap.SeqSetNum(number),
		&imap.FetchOptions{BodySection: []*imap.FetchItemBodySection{whole}}).Collect()
	if err != nil || len(got) != 1 {
		t.Fatalf("got %d messages and %v", len(got), err)
	}
	return string(got[0].FindBodySection(whole))
}

// refused checks the response code of an error.
func refused(t *testing.T, what string, err error, code imap.ResponseCode) {
	t.Helper()
	if answer, ok := errors.AsType[*imap.Error](err); !ok || answer.Code != code {
		t.Errorf("%s: got %v, want %s", what, err, code)
	}
}

func TestDeliver(t *testing.T) {
	const trace = "Return-Path: <>\r\n"
	for name, c := range map[string]struct{ message, want string }{
		"as it came":         {first, trace + first},
		"without a header":   {"just words\r\n", trace + "\r\njust words\r\n"},
		"without a body":     {"Subject: x\r\n\r\n", trace + "Subject: x\r\n\r\n"},
		"empty":              {"", trace + "\r\n"},
		"bare LF in a body":  {"A: b\r\n\r\nx\ny\r\n", trace + "A: b\r\n\r\nx\ny\r\n"},
		"bare LF throughout": {"A: b\n\nx\n", trace + "\r\nA: b\n\nx\n"},
		"binary":             {"A: b\r\n\r\n\x00\xff\r", trace + "A: b\r\n\r\n\x00\xff\r"},
	} {
		t.Run(name, func(t *testing.T) {
			m := demo(t)
			if err := m.Deliver([]byte(trace), []byte(c.message)); err != nil {
				t.Fatal(err)
			}
			if got := inboxText(t, login(t, m), 2); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestAuthenticate(t *testing.T) {
	m := demo(t)
	for _, c := range []struct {
		user, password string
		want           bool
	}{
		{"demo", "demo", true},
		{"demo", "", false},
		{"demo", "demo ", false},
		{"Demo", "demo", false},
		{"", "", false},
	} {
		if got := m.Authenticate(c.user, c.password); got != c.want {
			t.Errorf("%q %q: got %v", c.user, c.password, got)
		}
	}
}

func TestQuota(t *testing.T) {
	t.Run("bytes", func(t *testing.T) {
		m := demo(t)
		m.quota.bytes = 100
		if err := m.Deliver(nil, make([]byte, 200)); !errors.Is(err, ErrFull) {
			t.Errorf("got %v", err)
		}
		c := login(t, m)
		cmd := c.Append("Sent", 200, nil)
		_, _ = cmd.Write(make([]byte, 200))
		_ = cmd.Close()
		_, err := cmd.Wait()
		refused(t, "append", err, imap.ResponseCodeOverQuota)
	})
	t.Run("messages", func(t *testing.T) {
		m := demo(t)
		m.quota.messages = 2
		if err := m.Deliver(nil, []byte(first)); err != nil {
			t.Error(err)
		}
		if err := m.Deliver(nil, []byte(first)); !errors.Is(err, ErrFull) {
			t.Errorf("got %v", err)
		}
		c := login(t, m)
		if _, err := c.Select(inbox, nil).Wait(); err != nil {
			t.Fatal(err)
		}
		_, err := c.Copy(imap.SeqSetNum(1), "Sent").Wait()
		refused(t, "copy", err, imap.ResponseCodeOverQuota)
		if _, err := c.Move(imap.SeqSetNum(1), "Trash").Wait(); err != nil {
			t.Errorf("moving takes no room: %v", err)
		}
	})
	t.Run("folders", func(t *testing.T) {
		m := demo(t)
		m.quota.folders = 6
		c := login(t, m)
		if err := c.Create("Lists", nil).Wait(); err != nil {
			t.Error(err)
		}
		refused(t, "create", c.Create("More", nil).Wait(), imap.ResponseCodeOverQuota)
		if err := c.Rename("Lists", "Other/", nil).Wait(); err != nil {
			t.Error(err)
		}
		if err := c.Delete("Other").Wait(); err != nil {
			t.Error(err)
		}
		if err := c.Create("More", nil).Wait(); err != nil {
			t.Errorf("there is room again: %v", err)
		}
	})
	t.Run("one message", func(t *testing.T) {
		c := login(t, demo(t))
		cmd := c.Append("Sent", MaxMessage+1, nil)
		_ = cmd.Close()
		_, err := cmd.Wait()
		refused(t, "append", err, imap.ResponseCodeTooBig)
	})
}

func TestInboxStays(t *testing.T) {
	c := login(t, demo(t))
	refused(t, "delete", c.Delete("inbox").Wait(), imap.ResponseCodeCannot)
	refused(t, "rename", c.Rename("Inbox", "Other", nil).Wait(), imap.ResponseCodeCannot)
	if got := inboxText(t, c, 1); got != first {
		t.Errorf("got %q", got)
	}
}

func TestFolders(t *testing.T) {
	found, err := login(t, demo(t)).List("", "*", nil).Collect()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, folder := range found {
		names = append(names, folder.Mailbox)
	}
	if got := strings.Join(names, " "); got != "Drafts INBOX Junk Sent Trash" {
		t.Errorf("got %s", got)
	}
}

// The library locks two folders, one after the other; copies in opposite
// directions could wait for each other for ever.
func TestOppositeCopiesDoNotWaitForEachOther(t *testing.T) {
	m := demo(t)
	if _, err := m.append("Sent", []byte(first), &imap.AppendOptions{}); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 2)
	for from, to := range map[string]string{inbox: "Sent", "Sent": inbox} {
		c := login(t, m)
		go func() {
			_, err := c.Select(from, nil).Wait()
			for i := 0; err == nil && i < 100; i++ {
				_, err = c.Copy(imap.SeqSetNum(1), to).Wait()
			}
			done <- err
		}()
	}
	for range 2 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}
