package systemd

import (
	"fmt"
	"net"
	"os"
	"slices"

	"github.com/coreos/go-systemd/v22/activation"
)

// Sockets are the listening sockets that systemd has passed to the service
// (systemd.socket(5)). They stay open as long as the program runs, so that a
// reload can use again what an earlier one has not used.
type Sockets []Socket

// Socket is one of Sockets.
type Socket struct {
	Name    string // FileDescriptorName=, or else the name of the socket unit
	Address net.Addr
	File    *os.File
}

// Listener describes a listener that needs a socket.
type Listener struct{ Service, Address string }

// Inherited returns the sockets that systemd has passed to this process. It
// removes the variables that announce them, and must be called once.
func Inherited() (Sockets, error) { return NewSockets(activation.Files(true)) }

// NewSockets returns the sockets that systemd has opened. Each file has the name of
// its socket.
func NewSockets(files []*os.File) (Sockets, error) {
	var all Sockets
	for _, file := range files {
		socket, err := net.FileListener(file)
		if err != nil {
			return nil, fmt.Errorf("the socket %q from systemd is not a listening stream socket (write ListenStream= and Accept=no in its unit): %w", file.Name(), err)
		}
		all = append(all, Socket{file.Name(), socket.Addr(), file})
		if err := socket.Close(); err != nil { // a duplicate of file
			return nil, fmt.Errorf("the socket %q from systemd: %w", file.Name(), err)
		}
	}
	return all, nil
}

// Assign finds the socket of each listener; nil where systemd has passed none. A
// socket belongs to the listener on its address, or else, if its name is the
// service of a listener, to the first listener of this service without a socket.
// Assign fails if a socket belongs to no listener, because clients could connect
// there and would wait in vain.
func (s Sockets) Assign(listeners []Listener) ([]*os.File, error) {
	files := make([]*os.File, len(listeners))
	var named Sockets // those on the address of no listener
	for _, socket := range s {
		i := slices.IndexFunc(listeners, socket.isAt)
		if i < 0 || files[i] != nil {
			named = append(named, socket)
			continue
		}
		files[i] = socket.File
	}
	for _, socket := range named {
		i := 0
		for i < len(listeners) && (files[i] != nil || listeners[i].Service != socket.Name) {
			i++
		}
		if i == len(listeners) {
			return nil, fmt.Errorf("systemd has opened the socket %q on %s, and no listener uses it: write a listener with listen: %q, or set FileDescriptorName= to the service of a listener, or remove the socket unit",
				socket.Name, socket.Address, socket.Address)
		}
		files[i] = socket.File
	}
	return files, nil
}

// Close closes the sockets of this process. systemd keeps its own open.
func (s Sockets) Close() {
	for _, socket := range s {
		_ = socket.File.Close()
	}
}

// isAt reports whether a listener has the address of the socket.
func (s Socket) isAt(l Listener) bool {
	address, err := net.ResolveTCPAddr("tcp", l.Address)
	own, ok := s.Address.(*net.TCPAddr)
	if err != nil || !ok || address.Port != own.Port {
		return false
	}
	anywhere := address.IP == nil || address.IP.IsUnspecified()
	return anywhere && own.IP.IsUnspecified() || !anywhere && address.IP.Equal(own.IP)
}
