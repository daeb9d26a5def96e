//go:build race

package socketio

import (
	"errors"
	"sync"
	"syscall"
)

// pool replaces sync.Pool, which drops values at random under the race detector: the
// tests that count allocations would fail.
type pool struct {
	New  func() any
	mu   sync.Mutex
	free []any
}

func (p *pool) Get() any {
	p.mu.Lock()
	defer p.mu.Unlock()
	last := len(p.free) - 1
	if last < 0 {
		return p.New()
	}
	v := p.free[last]
	p.free = p.free[:last]
	return v
}

func (p *pool) Put(v any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.free = append(p.free, v)
}

// With the race detector the system calls are those of package syscall, which report
// to the detector that a write to a socket happens before the read of its bytes.

func read(fd uintptr, p []byte) (int, syscall.Errno) { return call(syscall.Read, fd, p) }

func write(fd uintptr, p []byte) (int, syscall.Errno) { return call(syscall.Write, fd, p) }

func call(f func(int, []byte) (int, error), fd uintptr, p []byte) (int, syscall.Errno) {
	for {
		n, err := f(int(fd), p)
		errno, _ := errors.AsType[syscall.Errno](err)
		switch errno {
		case 0:
			return n, 0
		case syscall.EINTR:
		default:
			return 0, errno
		}
	}
}
