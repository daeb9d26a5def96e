package proxy

import (
	"context"
	"fmt"
	"net"
	"syscall"
)

// socket opens the listener's own socket: a duplicate of Socket, or a new one on
// Address.
func (l *Listener) socket(ctx context.Context) (net.Listener, error) {
	if l.Socket == nil {
		config := net.ListenConfig{KeepAlive: -1, Control: keepAlive}
		return config.Listen(ctx, "tcp", l.Address)
	}
	socket, err := net.FileListener(l.Socket)
	if err != nil {
		return nil, fmt.Errorf("the inherited socket: %w", err)
	}
	if err := inherit(socket); err != nil {
		_ = socket.Close()
		return nil, fmt.Errorf("the inherited socket %s: %w", socket.Addr(), err)
	}
	return socket, nil
}

// inherit sets on a socket that another program has opened what socket sets on
// those of this program.
func inherit(socket net.Listener) error {
	tcp, ok := socket.(syscall.Conn)
	if !ok {
		return fmt.Errorf("%w: it has no descriptor", syscall.EINVAL)
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return err
	}
	return keepAlive("", "", raw)
}
