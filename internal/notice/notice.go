// Package notice remembers which devices of users were sent a notice, so that each
// gets one a day at most. Its memory is bounded, and survives a restart in a file.
package notice

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"sync"
	"time"

	"github.com/letterlock/letterlock/internal/statefile"
)

// Every is the time between two notices to a device.
const Every = 24 * time.Hour

// maxDevices bounds the devices. While as many have had a notice within Every, further
// ones get none.
const maxDevices = 1 << 16

// Table holds the devices that have had a notice. It keeps keyed hashes, no names.
type Table struct {
	mu      sync.Mutex
	key     []byte
	sent    map[uint64]int64 // in Unix seconds, by the hash of the device
	count   uint64           // notices since the start
	changed bool             // since the last Save
}

const keySize = 32

// New returns an empty Table.
func New() *Table {
	t := &Table{key: make([]byte, keySize), sent: map[uint64]int64{}}
	_, _ = rand.Read(t.key) // never fails
	return t
}

// Due reports whether a device of a user is due a notice, and notes that it gets one.
// The user is compared without regard to case.
func (t *Table) Due(user, device string, now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	id := t.hash(strings.ToLower(user), device)
	last, known := t.sent[id]
	if known && now.Sub(time.Unix(last, 0)) < Every {
		return false
	}
	if !known && len(t.sent) >= maxDevices && !t.forget(now) {
		return false
	}
	t.sent[id] = now.Unix()
	t.count++
	t.changed = true
	return true
}

// forget removes the devices whose last notice is a day old, and reports whether it
// has removed any.
func (t *Table) forget(now time.Time) bool {
	before := len(t.sent)
	for id, last := range t.sent {
		if now.Sub(time.Unix(last, 0)) >= Every {
			delete(t.sent, id)
		}
	}
	return len(t.sent) < before
}

// Count returns the number of notices since the start.
func (t *Table) Count() uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.count
}

// hash hashes a device. Without the key the file does not tell which users had a
// notice.
func (t *Table) hash(user, device string) uint64 {
	mac := hmac.New(sha256.New, t.key)
	mac.Write(binary.BigEndian.AppendUint64(nil, uint64(len(user))))
	mac.Write([]byte(user + device))
	return binary.BigEndian.Uint64(mac.Sum(nil))
}

// state is the content of a file.
type state struct {
	Version int              `json:"version"`
	Key     []byte           `json:"key"`
	Sent    map[uint64]int64 `json:"sent"`
}

const (
	fileVersion = 1
	maxFile     = 4 << 20 // bytes; a full file has some 2 MiB
)

var errFile = errors.New("it is damaged or of another version")

// Load reads a file of Save. A missing file is not an error.
func (t *Table) Load(file string, now time.Time) error {
	text, err := statefile.Read(file, maxFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var s state
	err = json.Unmarshal(text, &s)
	if err != nil || s.Version != fileVersion || len(s.Key) != keySize || len(s.Sent) > maxDevices {
		return fmt.Errorf("%s: %w", file, errors.Join(errFile, err))
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.key, t.sent = s.Key, map[uint64]int64{}
	for id, last := range s.Sent {
		if age := now.Sub(time.Unix(last, 0)); age >= 0 && age < Every {
			t.sent[id] = last
		}
	}
	return nil
}

// Save replaces a file, if something has changed since the last Save.
func (t *Table) Save(file string, now time.Time) error {
	text, err := t.encode(now)
	if text == nil || err != nil {
		return err
	}
	if err := statefile.Replace(file, text); err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.changed = false
	return nil
}

// encode returns the content of the file; nil: nothing has changed.
func (t *Table) encode(now time.Time) ([]byte, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.changed {
		return nil, nil
	}
	t.forget(now)
	return json.Marshal(state{fileVersion, t.key, t.sent})
}
