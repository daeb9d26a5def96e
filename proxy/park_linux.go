package proxy

import (
	"cmp"
	"errors"
	"os"
	"sync"
	"syscall"
	"time"
)

// lot is where silent directions wait: one epoll instance, itself watched by
// the runtime's poller, and one goroutine for all of them. A direction costs
// its descriptor here, and no buffer and no stack.
type lot struct {
	epoll  int
	file   *os.File // the same, for the runtime
	events syscall.RawConn
	ended  chan struct{}

	mu    sync.Mutex
	pipes []*pipe // by descriptor
}

// spot is what a direction has to remember of the lot.
type spot struct {
	behind int32 // its descriptor and one; 0: epoll does not know it
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
	go l.watch()
	return l, nil
}

// park waits for the direction's next byte in its stead. It is woken at most
// once for each call. Level-triggered, so that what came in before it was
// armed counts as well.
func (l *lot) park(p *pipe) bool {
	conn, ok := p.socket().(syscall.Conn)
	if !ok {
		return false
	}
	raw, err := conn.SyscallConn()
	if err != nil {
		return false
	}
	armed := false
	err = raw.Control(func(fd uintptr) { armed = l.arm(p, int(fd)) })
	return err == nil && armed
}

func (l *lot) arm(p *pipe, fd int) bool {
	how := syscall.EPOLL_CTL_MOD
	if p.spot.behind == 0 {
		how = syscall.EPOLL_CTL_ADD
		l.mu.Lock()
		for fd >= len(l.pipes) {
			l.pipes = append(l.pipes, make([]*pipe, 1+len(l.pipes))...)
		}
		l.pipes[fd] = p
		l.mu.Unlock()
	}
	event := syscall.EpollEvent{Events: syscall.EPOLLIN | syscall.EPOLLRDHUP | oneShot, Fd: int32(fd)}
	if syscall.EpollCtl(l.epoll, how, fd, &event) != nil {
		return false
	}
	p.spot.behind = int32(fd) + 1
	return true
}

// oneShot is EPOLLONESHOT, which package syscall has with the wrong sign.
const oneShot = 1 << 30

// leave forgets a direction whose socket is about to be closed.
func (l *lot) leave(p *pipe) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if fd := p.spot.behind - 1; fd >= 0 && l.pipes[fd] == p {
		l.pipes[fd] = nil
	}
}

// watch wakes the directions that have something to read, until the lot ends.
func (l *lot) watch() {
	defer close(l.ended)
	events := make([]syscall.EpollEvent, 128)
	for {
		n, err := l.wait(events)
		if err != nil && !errors.Is(err, syscall.EINTR) {
			return
		}
		for _, event := range events[:max(n, 0)] {
			if p := l.at(int(event.Fd)); p != nil {
				p.unpark()
			}
		}
	}
}

// wait returns the next events. The runtime tells of new ones only, so that it
// is asked when there are none.
func (l *lot) wait(events []syscall.EpollEvent) (n int, err error) {
	closed := l.events.Read(func(epoll uintptr) (done bool) {
		n, err = syscall.EpollWait(int(epoll), events, 0)
		return n != 0
	})
	return n, cmp.Or(closed, err)
}

func (l *lot) at(fd int) *pipe {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.pipes[fd]
}

// close ends the lot; nothing may be parked any more.
func (l *lot) close() {
	_ = l.file.Close()
	<-l.ended
}
