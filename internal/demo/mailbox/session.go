package mailbox

import (
	"errors"
	"io"
	"log"
	"strings"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"
	"github.com/emersion/go-imap/v2/imapserver/imapmemserver"
)

// idleTick is the maximum delay of a notification.
const idleTick = 50 * time.Millisecond

// IMAP returns the options of an IMAP server for this mailbox: without TLS,
// with everything that the library and its memory store support.
func (m *Mailbox) IMAP() *imapserver.Options {
	return &imapserver.Options{
		NewSession: func(*imapserver.Conn) (imapserver.Session, *imapserver.GreetingData, error) {
			return &session{mailbox: m}, nil, nil
		},
		Caps: imap.CapSet{
			imap.CapIMAP4rev1:   {},
			imap.CapIMAP4rev2:   {}, // with NAMESPACE, UIDPLUS, ESEARCH, MOVE and others
			imap.CapLiteralPlus: {},
		},
		InsecureAuth: true,
		Logger:       log.New(io.Discard, "", 0), // disconnected clients are not logged
	}
}

// The error replies of this package (RFC 5530).
var (
	errOverQuota = &imap.Error{
		Type: imap.StatusResponseTypeNo,
		Code: imap.ResponseCodeOverQuota,
		Text: "The mailbox is full",
	}
	errInbox = &imap.Error{
		Type: imap.StatusResponseTypeNo,
		Code: imap.ResponseCodeCannot,
		Text: "The INBOX stays",
	}
)

// session is an IMAP session. The embedded session is nil before the login; the
// library calls only Login and Close then.
type session struct {
	*imapmemserver.UserSession

	mailbox *Mailbox
}

var (
	_ imapserver.SessionIMAP4rev2   = (*session)(nil)
	_ imapserver.SessionAppendLimit = (*session)(nil)
)

// Login is called for LOGIN and for AUTHENTICATE PLAIN.
func (s *session) Login(username, password string) error {
	if !s.mailbox.Authenticate(username, password) {
		return imapserver.ErrAuthFailed
	}
	s.UserSession = imapmemserver.NewUserSession(s.mailbox.user)
	return nil
}

// AppendLimit returns the maximum length of a message (RFC 7889).
func (s *session) AppendLimit() uint32 { return MaxMessage }

func (s *session) Append(folder string, r imap.LiteralReader, options *imap.AppendOptions) (*imap.AppendData, error) {
	// The library has compared the length with AppendLimit. The message is read
	// before the lock is taken, so that a slow client does not hold the lock.
	message, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	data, err := s.mailbox.append(folder, message, options)
	return data, reply(err)
}

func (s *session) Create(name string, options *imap.CreateOptions) error {
	return reply(s.mailbox.create(folderName(name), options))
}

func (s *session) Delete(name string) error {
	if name == inbox {
		return errInbox
	}
	return s.mailbox.delete(name)
}

func (s *session) Rename(name, newName string, options *imap.RenameOptions) error {
	if name == inbox {
		return errInbox
	}
	return s.mailbox.rename(name, folderName(newName), options)
}

func (s *session) Copy(set imap.NumSet, target string) (*imap.CopyData, error) {
	data, err := s.mailbox.copy(func() (*imap.CopyData, error) {
		return s.UserSession.Copy(set, target)
	})
	return data, reply(err)
}

func (s *session) Move(w *imapserver.MoveWriter, set imap.NumSet, target string) error {
	return s.mailbox.move(func() error {
		return s.UserSession.Move(w, set, target)
	})
}

// Idle polls for changes. The library's own Idle waits for a notification, but
// misses changes that happen before it has started to idle, until the next
// notification.
func (s *session) Idle(w *imapserver.UpdateWriter, stop <-chan struct{}) error {
	tick := time.NewTicker(idleTick)
	defer tick.Stop()
	for {
		if err := s.Poll(w, true); err != nil {
			return err
		}
		select {
		case <-tick.C:
		case <-stop:
			return nil
		}
	}
}

// folderName removes the trailing delimiter that announces inferior names (RFC
// 9051 §6.3.4).
func folderName(name string) string { return strings.TrimRight(name, "/") }

// reply converts an error of the mailbox to an IMAP reply.
func reply(err error) error {
	if errors.Is(err, ErrFull) {
		return errOverQuota
	}
	return err
}
