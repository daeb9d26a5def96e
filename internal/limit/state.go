package limit

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"time"
)

// LoginState is the state of a Logins, for the process that replaces this one.
// It holds hashes of addresses and users, and the key of the hash.
type LoginState struct {
	Version int    `json:"version"` // of the format of the rest: loginVersion
	Key     []byte `json:"key"`
	Clients []byte `json:"clients"` // records, each of recordSize bytes
	Users   []byte `json:"users"`
	Known   []byte `json:"known"`
}

const (
	loginVersion = 1
	recordSize   = 32 // bytes
)

// Errors of Restore.
var (
	errStateVersion = errors.New("the format is of another version")
	errStateDamaged = errors.New("it is cut off or damaged")
)

// State returns the current failures and known clients.
func (l *Logins) State() LoginState {
	l.mu.Lock()
	defer l.mu.Unlock()
	return LoginState{loginVersion, l.key[:], l.clients.encode(), l.users.encode(), l.known.encode()}
}

// Restore adopts a state. It must be called before the first login. After an
// error, nothing has changed.
func (l *Logins) Restore(s LoginState, now time.Time) error {
	if s.Version != loginVersion {
		return fmt.Errorf("failed logins: %w: %d", errStateVersion, s.Version)
	}
	if len(s.Key) != keySize {
		return fmt.Errorf("failed logins: %w: a key of %d bytes", errStateDamaged, len(s.Key))
	}
	for _, all := range [][]byte{s.Clients, s.Users, s.Known} {
		if len(all)%recordSize != 0 || len(all) > records*recordSize {
			return fmt.Errorf("failed logins: %w: records of %d bytes", errStateDamaged, len(all))
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.key = [keySize]byte(s.Key)
	l.clients.decode(s.Clients, now)
	l.users.decode(s.Users, now)
	l.known.decode(s.Known, now)
	return nil
}

// encode returns the records in use.
func (f *failures) encode() []byte {
	var all []byte
	for _, r := range f.records {
		if r.key != 0 {
			all = binary.BigEndian.AppendUint64(all, r.key)
			all = binary.BigEndian.AppendUint64(all, math.Float64bits(r.level))
			all = binary.BigEndian.AppendUint64(all, uint64(r.at))    //nolint:gosec // decode converts it back
			all = binary.BigEndian.AppendUint64(all, uint64(r.until)) //nolint:gosec // decode converts it back
		}
	}
	return all
}

// decode adds records that encode has returned.
func (f *failures) decode(all []byte, now time.Time) {
	for ; len(all) >= recordSize; all = all[recordSize:] {
		field := func(i int) uint64 { return binary.BigEndian.Uint64(all[8*i:]) }
		read := record{
			key: field(0), level: math.Float64frombits(field(1)),
			at: int64(field(2)), until: int64(field(3)), //nolint:gosec // encode has converted it
		}
		if read.key != 0 && read.plausible(now) {
			*f.findOrEvict(read.key, now) = read
		}
	}
}

// plausible reports whether the clock of this machine can have produced a
// record. A count from the future would never decrease.
func (r record) plausible(now time.Time) bool {
	return r.level >= 0 && r.level < math.MaxInt32 && r.at >= 0 && r.at <= now.UnixNano() &&
		r.until >= 0 && r.until <= now.Add(trusted).Unix()
}
