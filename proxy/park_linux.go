package proxy

import (
	"cmp"
	"errors"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// lot is where silent directions wait, and where the end of a client is noticed
// while its session waits for the backend: one epoll instance, itself watched by
// the runtime's poller, and one goroutine for all of them. A direction costs
// its descriptor here, and no buffer and no stack.
type lot struct {
	epoll  int
	file   *os.File // the same, for the runtime
	events syscall.RawConn
	ended  chan struct{}

	mu      sync.Mutex
	entries []entry // by descriptor
	count   int32   // of entries so far
}

// entry is who waits for a descriptor. The number tells an event for a descriptor
// that was closed from one for its successor.
type entry struct {
	waiter waiter
	number int32
}

// spot is what a waiter has to remember of the lot.
type spot struct {
	behind int32 // its descriptor and one; 0: epoll does not know it
	number int32
}

func newLot() (*lot, error) {
	epoll, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return nil, err
	}
	l := &lot{epoll: epoll, ended: make(chan struct{})}
	err = syscall.SetNonblock(epoll, true) // what the runtime's poller takes
	l.file = os.NewFile(uintptr(epoll), "epoll")
	if err == nil {
		err = l.file.SetReadDeadline(time.Time{}) // fails if it has not taken it
	}
	if err == nil {
		l.events, err = l.file.SyscallConn()
	}
	if err != nil {
		_ = l.file.Close()
		return nil, err
	}
	go l.run()
	return l, nil
}

// park waits for the direction's next byte in its stead. It is woken at most
// once for each call. Level-triggered, so that what came in before it was
// armed counts as well.
func (l *lot) park(p *pipe) bool {
	return l.wait(p, &p.spot, p.socket(), syscall.EPOLLIN|syscall.EPOLLRDHUP)
}

// watch notices the end of a connection while nobody reads it: that the peer has
// closed its half, and in a further call that all is over.
func (l *lot) watch(w waiter, s *spot, conn net.Conn) {
	events := uint32(0) // EPOLLERR and EPOLLHUP come unasked
	if s.behind == 0 {
		events = syscall.EPOLLRDHUP
	}
	l.wait(w, s, conn, events)
}

// wait has a waiter woken once.
func (l *lot) wait(w waiter, s *spot, conn net.Conn, events uint32) bool {
	under, ok := conn.(syscall.Conn)
	if !ok {
		return false
	}
	raw, err := under.SyscallConn()
	if err != nil {
		return false
	}
	armed := false
	err = raw.Control(func(fd uintptr) { armed = l.arm(w, s, int(fd), events) })
	return err == nil && armed
}

func (l *lot) arm(w waiter, s *spot, fd int, events uint32) bool {
	if s.behind == 0 {
		l.enter(w, s, fd)
	}
	event := syscall.EpollEvent{Events: events | oneShot, Fd: int32(fd), Pad: s.number}
	err := syscall.EpollCtl(l.epoll, syscall.EPOLL_CTL_MOD, fd, &event)
	if errors.Is(err, syscall.ENOENT) {
		err = syscall.EpollCtl(l.epoll, syscall.EPOLL_CTL_ADD, fd, &event)
	}
	return err == nil
}

// enter notes who waits for a descriptor from now on. A direction of the relay
// takes the place of the session whose client it reads.
func (l *lot) enter(w waiter, s *spot, fd int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for fd >= len(l.entries) {
		l.entries = append(l.entries, make([]entry, 1+len(l.entries))...)
	}
	l.count++
	l.entries[fd] = entry{w, l.count}
	s.behind, s.number = int32(fd)+1, l.count
}

// oneShot is EPOLLONESHOT, which package syscall has with the wrong sign.
const oneShot = 1 << 30

// leave forgets a waiter whose socket is closed.
func (l *lot) leave(s *spot) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if fd := s.behind - 1; fd >= 0 && l.entries[fd].number == s.number {
		l.entries[fd] = entry{}
	}
}

// run wakes those who wait, until the lot ends.
func (l *lot) run() {
	defer close(l.ended)
	events := make([]syscall.EpollEvent, 128)
	for {
		n, err := l.next(events)
		if err != nil && !errors.Is(err, syscall.EINTR) {
			return
		}
		for _, event := range events[:max(n, 0)] {
			if w := l.at(int(event.Fd), event.Pad); w != nil {
				w.woken(event.Events&(syscall.EPOLLERR|syscall.EPOLLHUP) != 0)
			}
		}
	}
}

// next returns the next events. The runtime tells of new ones only, so that it
// is asked when there are none.
func (l *lot) next(events []syscall.EpollEvent) (n int, err error) {
	closed := l.events.Read(func(epoll uintptr) (done bool) {
		n, err = syscall.EpollWait(int(epoll), events, 0)
		return n != 0
	})
	return n, cmp.Or(closed, err)
}

func (l *lot) at(fd int, number int32) waiter {
	l.mu.Lock()
	defer l.mu.Unlock()
	if e := l.entries[fd]; e.number == number {
		return e.waiter
	}
	return nil
}

// close ends the lot; nothing may be parked any more.
func (l *lot) close() {
	_ = l.file.Close()
	<-l.ended
}
