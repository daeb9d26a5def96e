package mailbox

import (
	"bytes"
	"crypto/subtle"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"
	"github.com/emersion/go-imap/v2/imapserver/imapmemserver"
)

// MaxMessage is the maximum length of a message in bytes, by SMTP and by
// APPEND.
const MaxMessage = 25 << 20

// quota is the maximum content of all folders together.
type quota struct {
	bytes    int64
	messages uint32
	folders  int
}

const inbox = "INBOX"

// ErrFull says that the quota is exceeded; deleting messages makes room.
var ErrFull = errors.New("the mailbox is full")

// Mailbox holds the folders of one user. It is safe for concurrent use.
type Mailbox struct {
	username, password string
	user               *imapmemserver.User
	quota              quota

	// mu is held from the check of the quota to the end of the change.
	mu      sync.Mutex
	folders map[string]struct{}
}

// New returns a mailbox with the usual folders and a first message. It fails
// if that message is longer than the quota allows.
func New(username, password string, first []byte) (*Mailbox, error) {
	m := &Mailbox{
		username: username,
		password: password,
		user:     imapmemserver.NewUser(username, password),
		quota:    quota{bytes: 256 << 20, messages: 10_000, folders: 64},
		folders:  make(map[string]struct{}),
	}
	for _, name := range []string{inbox, "Sent", "Drafts", "Trash", "Junk"} {
		if err := m.create(name, nil); err != nil {
			return nil, fmt.Errorf("create %s: %w", name, err)
		}
		if err := m.user.Subscribe(name); err != nil {
			return nil, fmt.Errorf("subscribe %s: %w", name, err)
		}
	}
	if err := m.Deliver(nil, first); err != nil {
		return nil, fmt.Errorf("first message: %w", err)
	}
	return m, nil
}

// Authenticate reports whether user and password are correct.
func (m *Mailbox) Authenticate(username, password string) bool {
	user := subtle.ConstantTimeCompare([]byte(username), []byte(m.username))
	pass := subtle.ConstantTimeCompare([]byte(password), []byte(m.password))
	return user&pass == 1
}

// Deliver adds a message to the INBOX, byte for byte, after the header lines of
// its delivery, and notifies the sessions that idle there. Text without a
// header that IMAP can parse becomes the body. It fails with ErrFull.
func (m *Mailbox) Deliver(trace, message []byte) error {
	whole := slices.Concat(trace, message)
	if !readable(whole) {
		whole = slices.Concat(trace, []byte("\r\n"), message)
	}
	_, err := m.append(inbox, whole, &imap.AppendOptions{Time: time.Now()})
	return err
}

// append adds a message to any folder, if there is room.
func (m *Mailbox) append(folder string, message []byte, options *imap.AppendOptions) (*imap.AppendData, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.room(len(message)) {
		return nil, ErrFull
	}
	return m.user.Append(folder, bytes.NewReader(message), options)
}

// create, delete and rename change folders as IMAP specifies, and keep the list
// of folders, which the library does not provide.
func (m *Mailbox) create(name string, options *imap.CreateOptions) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.folders) >= m.quota.folders {
		return ErrFull
	}
	if err := m.user.Create(name, options); err != nil {
		return err
	}
	m.folders[name] = struct{}{}
	return nil
}

func (m *Mailbox) delete(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.user.Delete(name); err != nil {
		return err
	}
	delete(m.folders, name)
	return nil
}

func (m *Mailbox) rename(name, newName string, options *imap.RenameOptions) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.user.Rename(name, newName, options); err != nil {
		return err
	}
	delete(m.folders, name)
	m.folders[newName] = struct{}{}
	return nil
}

// copy runs f, which copies messages, if there is room for any. Copies share
// their text, so only their number counts, and f can at most double it.
func (m *Mailbox) copy(f func() (*imap.CopyData, error)) (*imap.CopyData, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.room(0) {
		return nil, ErrFull
	}
	return f()
}

// move runs f, which moves messages. Like copy it excludes others: the library
// locks the source and then the target, so two moves in opposite directions
// would wait for each other.
func (m *Mailbox) move(f func() error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return f()
}

// room reports whether a message of n bytes fits. It is called with mu held.
func (m *Mailbox) room(n int) bool {
	size, count := int64(n), uint32(0)
	for name := range m.folders {
		status, err := m.user.Status(name, &imap.StatusOptions{NumMessages: true, Size: true})
		if err != nil {
			continue
		}
		size += *status.Size
		count += *status.NumMessages
	}
	return size <= m.quota.bytes && count < m.quota.messages
}

// readable reports whether IMAP returns a message as it was delivered. The
// library parses messages and assembles them again, and returns a message whose
// header it cannot parse as an empty one.
func readable(message []byte) bool {
	whole := imapserver.ExtractBodySection(bytes.NewReader(message), &imap.FetchItemBodySection{})
	return bytes.Equal(whole, message)
}
