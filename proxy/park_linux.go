package proxy

import (
	"errors"
	"sync"
	"syscall"
)

// lot is where silent directions wait: one epoll instance and one goroutine
// for all of them. A direction costs its descriptor here, and no buffer and no
// stack.
type lot struct {
	epoll int
	wakes [2]int // a pipe; closing its second end ends the lot
	ended chan struct{}

	mu    sync.Mutex
	pipes []*pipe // by descriptor
}

// spot is what a direction has to remember of the lot.
type spot struct {
	fd   int32
	held bool // it is known to epoll
}

func newLot() (*lot, error) {
	epoll, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return nil, err
	}
	l := &lot{epoll: epoll, ended: make(chan struct{})}
	if err := syscall.Pipe2(l.wakes[:], syscall.O_CLOEXEC|syscall.O_NONBLOCK); err != nil {
		_ = syscall.Close(epoll)
		return nil, err
	}
	event := syscall.EpollEvent{Events: syscall.EPOLLIN, Fd: int32(l.wakes[0])}
	if err := syscall.EpollCtl(epoll, syscall.EPOLL_CTL_ADD, l.wakes[0], &event); err != nil {
		l.closeAll()
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
	if !p.spot.held {
		how = syscall.EPOLL_CTL_ADD
		p.spot.fd = int32(fd)
		l.mu.Lock()
		for fd >= len(l.pipes) {
			l.pipes = append(l.pipes, make([]*pipe, 1+len(l.pipes))...)
		}
		l.pipes[fd] = p
		l.mu.Unlock()
	}
	event := syscall.EpollEvent{Events: syscall.EPOLLIN | syscall.EPOLLRDHUP | oneShot, Fd: int32(fd)}
	p.spot.held = syscall.EpollCtl(l.epoll, how, fd, &event) == nil
	return p.spot.held
}

// oneShot is EPOLLONESHOT, which package syscall has with the wrong sign.
const oneShot = 1 << 30

// leave forgets a direction whose socket is about to be closed.
func (l *lot) leave(p *pipe) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if p.spot.held && l.pipes[p.spot.fd] == p {
		l.pipes[p.spot.fd] = nil
	}
}

// watch wakes the directions that have something to read, until the lot ends.
func (l *lot) watch() {
	defer close(l.ended)
	events := make([]syscall.EpollEvent, 128)
	for {
		n, err := syscall.EpollWait(l.epoll, events, -1)
		if err != nil && !errors.Is(err, syscall.EINTR) {
			return
		}
		for _, event := range events[:max(n, 0)] {
			if int(event.Fd) == l.wakes[0] {
				return
			}
			if p := l.at(int(event.Fd)); p != nil {
				p.unpark()
			}
		}
	}
}

func (l *lot) at(fd int) *pipe {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.pipes[fd]
}

// close ends the lot; nothing may be parked any more.
func (l *lot) close() {
	_ = syscall.Close(l.wakes[1])
	<-l.ended
	l.wakes[1] = -1
	l.closeAll()
}

func (l *lot) closeAll() {
	for _, fd := range []int{l.epoll, l.wakes[0], l.wakes[1]} {
		if fd >= 0 {
			_ = syscall.Close(fd)
		}
	}
}
