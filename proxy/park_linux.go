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

// parking waits for the next byte of silent directions, and notices that a client
// has gone while its session waits for the backend. It is one epoll instance, which
// the runtime's poller watches, and one goroutine. A parked direction needs neither
// a buffer nor a stack.
type parking struct {
	epoll  int
	file   *os.File // the same, for the runtime
	events syscall.RawConn
	ended  chan struct{}

	mu      sync.Mutex
	waiters []registration // by descriptor
	count   int32          // of registrations so far
}

// registration is the waiter for a descriptor. The number tells an event of a
// closed descriptor from an event of the next connection with the same descriptor.
type registration struct {
	waiter waiter
	number int32
}

// entry identifies a waiter's registration. The zero value is none.
type entry struct {
	descriptor int32 // descriptor + 1; 0: not registered
	number     int32
}

func newParking() (*parking, error) {
	epoll, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return nil, err
	}
	l := &parking{epoll: epoll, ended: make(chan struct{})}
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

// park wakes the direction once when a byte can be read. Epoll is level-triggered
// here, so that bytes that have arrived before the call count.
func (l *parking) park(p *pipe) bool {
	return l.wait(p, &p.entry, p.socket(), syscall.EPOLLIN|syscall.EPOLLRDHUP)
}

// watch wakes the waiter once when the peer closes its half of the connection. A
// second call waits for the end of the connection.
func (l *parking) watch(w waiter, e *entry, conn net.Conn) {
	events := uint32(0) // EPOLLERR and EPOLLHUP come unasked
	if e.descriptor == 0 {
		events = syscall.EPOLLRDHUP
	}
	l.wait(w, e, conn, events)
}

// wait wakes a waiter once.
func (l *parking) wait(w waiter, e *entry, conn net.Conn, events uint32) bool {
	under, ok := conn.(syscall.Conn)
	if !ok {
		return false
	}
	raw, err := under.SyscallConn()
	if err != nil {
		return false
	}
	armed := false
	err = raw.Control(func(fd uintptr) { armed = l.arm(w, e, int(fd), events) })
	return err == nil && armed
}

func (l *parking) arm(w waiter, e *entry, fd int, events uint32) bool {
	if e.descriptor == 0 {
		l.register(w, e, fd)
	}
	event := syscall.EpollEvent{Events: events | oneShot, Fd: int32(fd), Pad: e.number}
	err := syscall.EpollCtl(l.epoll, syscall.EPOLL_CTL_MOD, fd, &event)
	if errors.Is(err, syscall.ENOENT) {
		err = syscall.EpollCtl(l.epoll, syscall.EPOLL_CTL_ADD, fd, &event)
	}
	return err == nil
}

// register makes w the waiter of a descriptor. A direction of the relay replaces
// its session, which waited for the same client.
func (l *parking) register(w waiter, e *entry, fd int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for fd >= len(l.waiters) {
		l.waiters = append(l.waiters, make([]registration, 1+len(l.waiters))...)
	}
	l.count++
	l.waiters[fd] = registration{w, l.count}
	e.descriptor, e.number = int32(fd)+1, l.count
}

// oneShot is EPOLLONESHOT, which package syscall has with the wrong sign.
const oneShot = 1 << 30

// leave removes the registration of a waiter that closes its socket.
func (l *parking) leave(e *entry) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if fd := e.descriptor - 1; fd >= 0 && l.waiters[fd].number == e.number {
		l.waiters[fd] = registration{}
	}
}

// run wakes waiters until the parking is closed.
func (l *parking) run() {
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

// next returns the next events. The runtime's poller is edge-triggered, so next
// waits for it only when epoll has no events.
func (l *parking) next(events []syscall.EpollEvent) (n int, err error) {
	closed := l.events.Read(func(epoll uintptr) (done bool) {
		n, err = syscall.EpollWait(int(epoll), events, 0)
		return n != 0
	})
	return n, cmp.Or(closed, err)
}

func (l *parking) at(fd int, number int32) waiter {
	l.mu.Lock()
	defer l.mu.Unlock()
	if r := l.waiters[fd]; r.number == number {
		return r.waiter
	}
	return nil
}

// close ends the parking. No waiter may be registered any more.
func (l *parking) close() {
	_ = l.file.Close()
	<-l.ended
}
