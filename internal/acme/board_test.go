package acme

import (
	"context"
	"errors"
	"maps"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// board is the state that the instances of a test share, in memory.
type board struct {
	mu      sync.Mutex
	entries map[string][]byte
	ends    map[string]time.Time  // of the life of entries
	holders map[string]*boardLock // by name
	pulled  bool                  // no instance reaches the board
	full    bool                  // it can only be read
	keeps   bool                  // its entries live for ever
}

func newBoard() *board {
	return &board{entries: map[string][]byte{}, ends: map[string]time.Time{}, holders: map[string]*boardLock{}}
}

// pull cuts the board off from all instances, or connects it again.
func (b *board) pull(pulled bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.pulled = pulled
}

// fill makes the board refuse writes, or accept them again.
func (b *board) fill(full bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.full = full
}

func (b *board) wipe() {
	b.mu.Lock()
	defer b.mu.Unlock()
	clear(b.entries)
	clear(b.holders)
}

// expire ends all locks.
func (b *board) expire() {
	b.mu.Lock()
	defer b.mu.Unlock()
	clear(b.holders)
}

func (b *board) entry(name string) []byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.entries[name]
}

func (b *board) put(name string, data []byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.entries[name] = data
}

// names lists the entries with a suffix.
func (b *board) names(suffix string) (all []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for name := range maps.Keys(b.entries) {
		if strings.HasSuffix(name, suffix) {
			all = append(all, name)
		}
	}
	return all
}

// member is the board as one instance sees it.
type member struct {
	*board
	dead atomic.Bool

	locked func()            // called when the instance has a lock
	writes func(name string) // called before it writes an entry while it holds a lock
}

func (b *board) member() *member {
	return &member{board: b, locked: func() {}, writes: func(string) {}}
}

var (
	errPulled = errors.New("the store is away")
	errFull   = errors.New("the store is full")
)

// reach locks the board; the caller unlocks it, also after an error.
func (m *member) reach() error {
	m.mu.Lock()
	if m.pulled || m.dead.Load() {
		return errPulled
	}
	return nil
}

func (m *member) Get(_ context.Context, name string) ([]byte, error) {
	defer m.mu.Unlock()
	if err := m.reach(); err != nil {
		return nil, err
	}
	return m.present(name), nil
}

// present returns an entry that lives.
func (b *board) present(name string) []byte {
	if b.keeps || time.Now().Before(b.ends[name]) {
		return b.entries[name]
	}
	return nil
}

func (m *member) Update(_ context.Context, name string, life time.Duration, change func([]byte) []byte) error {
	defer m.mu.Unlock()
	if err := m.reach(); err != nil {
		return err
	}
	if m.full {
		return errFull
	}
	if next := change(m.present(name)); next != nil {
		m.entries[name], m.ends[name] = next, time.Now().Add(life)
	}
	return nil
}

func (m *member) Delete(_ context.Context, name string) error {
	defer m.mu.Unlock()
	if err := m.reach(); err != nil {
		return err
	}
	delete(m.entries, name)
	return nil
}

func (m *member) Lock(ctx context.Context, name string) (Lock, error) {
	for {
		l, err := m.try(name)
		if l != nil {
			m.locked()
			return l, nil
		}
		if err != nil {
			return nil, err
		}
		if !pause(ctx, 250*time.Millisecond) {
			return nil, ctx.Err()
		}
	}
}

// try takes a lock that is free, or whose holder has died.
func (m *member) try(name string) (*boardLock, error) {
	defer m.mu.Unlock()
	if err := m.reach(); err != nil {
		return nil, err
	}
	if m.full {
		return nil, errFull
	}
	if holder := m.holders[name]; holder != nil && !holder.left && !holder.dead.Load() {
		return nil, nil
	}
	m.holders[name] = &boardLock{member: m, name: name}
	return m.holders[name], nil
}

type boardLock struct {
	*member
	name string
	left bool // given up while the board was away: it expires
}

func (l *boardLock) Held(context.Context) error {
	defer l.mu.Unlock()
	err := l.reach()
	if err == nil && l.holders[l.name] != l {
		err = ErrLost
	}
	return err
}

func (l *boardLock) Set(ctx context.Context, name string, data []byte, life time.Duration) error {
	l.writes(name)
	if err := l.Held(ctx); err != nil {
		return err
	}
	return l.Update(ctx, name, life, func([]byte) []byte { return data })
}

func (l *boardLock) Unlock() {
	defer l.mu.Unlock()
	reached := l.reach() == nil
	l.left = true
	if reached && l.holders[l.name] == l {
		delete(l.holders, l.name)
	}
}
