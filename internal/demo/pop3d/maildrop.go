package pop3d

import (
	"fmt"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
)

// Maildrop holds the messages of a session. Only one goroutine uses it.
type Maildrop interface {
	// Messages returns the messages that existed when the maildrop was opened,
	// in order.
	Messages() []Message
	// Text returns a whole message.
	Text(uid uint32) ([]byte, error)
	// Delete removes messages permanently.
	Delete(uids []uint32) error
	Close() error
}

// Message describes a message without its text.
type Message struct {
	UID  uint32
	ID   string // unique for ever, printable, 70 bytes at most (RFC 1939 §7)
	Size int64  // bytes
}

// imapTime bounds each operation on IMAP.
const imapTime = time.Minute

// imapDrop is the INBOX of an IMAP server as a Maildrop.
type imapDrop struct {
	client   *imapclient.Client
	messages []Message
}

// OpenIMAP opens the INBOX of a user on the plaintext IMAP server at an
// address.
func OpenIMAP(address, user, password string) (Maildrop, error) {
	client, err := imapclient.DialInsecure(address, nil)
	if err != nil {
		return nil, fmt.Errorf("open maildrop: %w", err)
	}
	d := &imapDrop{client: client}
	if err := d.open(user, password); err != nil {
		_ = d.Close()
		return nil, fmt.Errorf("open maildrop: %w", err)
	}
	return d, nil
}

func (d *imapDrop) open(user, password string) error {
	defer d.bound().Stop()
	if err := d.client.Login(user, password).Wait(); err != nil {
		return err
	}
	inbox, err := d.client.Select("INBOX", nil).Wait()
	if err != nil || inbox.NumMessages == 0 {
		return err
	}
	var all imap.SeqSet
	all.AddRange(1, inbox.NumMessages)
	found, err := d.client.Fetch(all, &imap.FetchOptions{UID: true, RFC822Size: true}).Collect()
	last := imap.UID(0)
	for _, m := range found {
		if m.UID <= last { // an unsolicited update of flags
			continue
		}
		last = m.UID
		d.messages = append(d.messages, Message{
			UID:  uint32(m.UID),
			ID:   fmt.Sprintf("%d.%d", inbox.UIDValidity, m.UID),
			Size: m.RFC822Size,
		})
	}
	return err
}

// Messages returns the messages of the SELECT.
func (d *imapDrop) Messages() []Message { return d.messages }

// Text fetches a message without marking it as seen.
func (d *imapDrop) Text(uid uint32) ([]byte, error) {
	defer d.bound().Stop()
	whole := &imap.FetchItemBodySection{Peek: true}
	found, err := d.client.Fetch(imap.UIDSetNum(imap.UID(uid)),
		&imap.FetchOptions{BodySection: []*imap.FetchItemBodySection{whole}}).Collect()
	if err != nil {
		return nil, fmt.Errorf("fetch message %d: %w", uid, err)
	}
	for _, m := range found {
		if m.UID == imap.UID(uid) && len(m.BodySection) == 1 {
			return m.BodySection[0].Bytes, nil
		}
	}
	return nil, fmt.Errorf("message %d is gone", uid)
}

// Delete expunges these messages and no others, even if others are flagged as
// deleted (RFC 4315 §2.1).
func (d *imapDrop) Delete(uids []uint32) error {
	defer d.bound().Stop()
	var set imap.UIDSet
	for _, uid := range uids {
		set.AddNum(imap.UID(uid))
	}
	deleted := &imap.StoreFlags{Op: imap.StoreFlagsAdd, Silent: true, Flags: []imap.Flag{imap.FlagDeleted}}
	if err := d.client.Store(set, deleted, nil).Close(); err != nil {
		return fmt.Errorf("flag messages: %w", err)
	}
	if err := d.client.UIDExpunge(set).Close(); err != nil {
		return fmt.Errorf("expunge messages: %w", err)
	}
	return nil
}

// Close ends the IMAP session and the client's goroutine.
func (d *imapDrop) Close() error { return d.client.Close() }

// bound closes the connection when an operation takes too long; the client
// itself waits for replies without a timeout.
func (d *imapDrop) bound() *time.Timer {
	return time.AfterFunc(imapTime, func() { _ = d.client.Close() })
}
