package parking

import (
	"cmp"
	"errors"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Poller waits for the next byte, or the end, of connections. It is one epoll
// instance, which the runtime's poller watches, and one goroutine.
type Poller struct {
	epoll  int
	file   *os.File // the epoll instance, for the runtime
	events syscall.RawConn
	ended  chan struct{}

	// Of next, so that a call allocates nothing.
	found []syscall.EpollEvent
	n     int
	err   error

	mu      sync.Mutex
	waiters []registration // by descriptor
	count   int32          // of registrations so far
}

// registration is the waiter for a descriptor. The number tells an event of a
// closed descriptor from an event of the next connection with the same descriptor.
type registration struct {
	waiter Waiter
	number int32
}

// Entry identifies a waiter's registration. The zero value stands for no waiter.
type Entry struct {
	descriptor int32 // descriptor + 1; 0: not registered
	number     int32
}

// New returns a poller that runs until Close.
func New() (*Poller, error) {
	epoll, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return nil, err
	}
	p := &Poller{epoll: epoll, ended: make(chan struct{})}
	err = syscall.SetNonblock(epoll, true) // the runtime's poller requires it
	p.file = os.NewFile(uintptr(epoll), "epoll")
	if err == nil {
		err = p.file.SetReadDeadline(time.Time{}) // fails if the runtime does not poll the file
	}
	if err == nil {
		p.events, err = p.file.SyscallConn()
	}
	if err != nil {
		_ = p.file.Close()
		return nil, err
	}
	go p.run()
	return p, nil
}

// Park wakes the waiter once when a byte can be read from the connection. Epoll is
// level-triggered here, so that bytes that have arrived before the call count. Park
// reports false if it cannot wait for this connection.
func (p *Poller) Park(w Waiter, e *Entry, conn net.Conn) bool {
	return p.wait(w, e, conn, syscall.EPOLLIN|syscall.EPOLLRDHUP)
}

// Watch wakes the waiter once when the peer closes its half of the connection. A
// second call waits for the end of the connection.
func (p *Poller) Watch(w Waiter, e *Entry, conn net.Conn) {
	events := uint32(0) // EPOLLERR and EPOLLHUP are always reported
	if e.descriptor == 0 {
		events = syscall.EPOLLRDHUP
	}
	p.wait(w, e, conn, events)
}

// wait wakes a waiter once.
func (p *Poller) wait(w Waiter, e *Entry, conn net.Conn, events uint32) bool {
	under, ok := conn.(syscall.Conn)
	if !ok {
		return false
	}
	raw, err := under.SyscallConn()
	if err != nil {
		return false
	}
	armed := false
	err = raw.Control(func(fd uintptr) { armed = p.arm(w, e, int(fd), events) })
	return err == nil && armed
}

func (p *Poller) arm(w Waiter, e *Entry, fd int, events uint32) bool {
	if e.descriptor == 0 {
		p.register(w, e, fd)
	}
	event := syscall.EpollEvent{Events: events | oneShot, Fd: int32(fd), Pad: e.number}
	err := syscall.EpollCtl(p.epoll, syscall.EPOLL_CTL_MOD, fd, &event)
	if errors.Is(err, syscall.ENOENT) {
		err = syscall.EpollCtl(p.epoll, syscall.EPOLL_CTL_ADD, fd, &event)
	}
	return err == nil
}

// register makes w the waiter of a descriptor, instead of an earlier waiter.
func (p *Poller) register(w Waiter, e *Entry, fd int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for fd >= len(p.waiters) {
		p.waiters = append(p.waiters, make([]registration, 1+len(p.waiters))...)
	}
	p.count++
	p.waiters[fd] = registration{w, p.count}
	e.descriptor, e.number = int32(fd)+1, p.count
}

// oneShot is EPOLLONESHOT; package syscall has it with the wrong sign.
const oneShot = 1 << 30

// Leave removes the registration of a waiter that closes its socket.
func (p *Poller) Leave(e *Entry) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if fd := e.descriptor - 1; fd >= 0 && p.waiters[fd].number == e.number {
		p.waiters[fd] = registration{}
	}
}

// run wakes waiters until the poller is closed.
func (p *Poller) run() {
	defer close(p.ended)
	p.found = make([]syscall.EpollEvent, 128)
	ready := p.ready
	for {
		n, err := p.next(ready)
		if err != nil && !errors.Is(err, syscall.EINTR) {
			return
		}
		for _, event := range p.found[:max(n, 0)] {
			if w := p.at(int(event.Fd), event.Pad); w != nil {
				w.Woken(event.Events&(syscall.EPOLLERR|syscall.EPOLLHUP) != 0)
			}
		}
	}
}

// next returns the next events. The runtime's poller is edge-triggered, so next
// waits for it only when epoll has no events.
func (p *Poller) next(ready func(epoll uintptr) bool) (n int, err error) {
	closed := p.events.Read(ready)
	return p.n, cmp.Or(closed, p.err)
}

// ready reports whether epoll has events, and takes them.
func (p *Poller) ready(epoll uintptr) bool {
	p.n, p.err = poll(int(epoll), p.found)
	return p.n != 0
}

// poll returns the events that epoll has, without a wait. Unlike package syscall it does
// not report the call to Go's scheduler: in an idle process that would wake the runtime's
// watching thread (see package timerslack).
func poll(epoll int, events []syscall.EpollEvent) (int, error) {
	n, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(epoll),
		uintptr(unsafe.Pointer(&events[0])), uintptr(len(events)), 0, 0, 0) //nolint:gosec // G103: the kernel writes the events during the call only
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}

func (p *Poller) at(fd int, number int32) Waiter {
	p.mu.Lock()
	defer p.mu.Unlock()
	if r := p.waiters[fd]; r.number == number {
		return r.waiter
	}
	return nil
}

// Peek reports whether a byte can be read from a connection, or else whether the peer
// has closed its half. It does not wait.
func Peek(conn net.Conn) (has, ended bool) {
	under, ok := conn.(syscall.Conn)
	if !ok {
		return true, false
	}
	raw, err := under.SyscallConn()
	if err != nil {
		return false, true
	}
	var b [1]byte
	_ = raw.Control(func(fd uintptr) {
		n, _, err := syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		has = n > 0 && err == nil
		ended = !has && !errors.Is(err, syscall.EAGAIN)
	})
	return has, ended
}

// Close ends the poller. No waiter may be registered then.
func (p *Poller) Close() {
	_ = p.file.Close()
	<-p.ended
}
