package upgrade

import (
	"net"
	"os"
	"strings"
	"sync"
)

// Socket is an open listening socket that a process passes on.
type Socket struct {
	Name    string // of its listener: a service, status, acme; or the name that systemd has given it
	Address string // that the listener has in the configuration; may have port 0
	Systemd bool   // systemd has opened the socket
	File    *os.File
}

// Sockets are the sockets that a process has inherited from its predecessor. Each
// is claimed once. A nil Sockets is empty.
type Sockets struct {
	mu      sync.Mutex
	all     []Socket
	claimed []*os.File
}

// Claim returns the socket of a listener, or another listener's on its address; nil:
// there is none. Where the address has port 0, only the name tells sockets apart. The
// file is open until Close.
func (s *Sockets) Claim(name, address string) *os.File {
	if file := s.claim(func(t Socket) bool { return t.Name == name && t.Address == address }); file != nil {
		return file
	}
	if strings.HasSuffix(address, ":0") {
		return nil
	}
	return s.claim(func(t Socket) bool { return t.Address == address })
}

// claim removes and returns the first socket that matches, unless it is systemd's.
func (s *Sockets) claim(matches func(Socket) bool) *os.File {
	if s == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, t := range s.all {
		if !t.Systemd && matches(t) {
			s.all = append(s.all[:i:i], s.all[i+1:]...)
			s.claimed = append(s.claimed, t.File)
			return t.File
		}
	}
	return nil
}

// ClaimSystemd returns the sockets that systemd has opened.
func (s *Sockets) ClaimSystemd() (files []*os.File) {
	if s == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var others []Socket
	for _, t := range s.all {
		if t.Systemd {
			files = append(files, t.File)
		} else {
			others = append(others, t)
		}
	}
	s.all = others
	return files
}

// Listen takes the socket of a listener, or opens a new one on its address.
func (s *Sockets) Listen(name, address string) (net.Listener, error) {
	file := s.Claim(name, address)
	if file == nil {
		return net.Listen("tcp", address)
	}
	return net.FileListener(file)
}

// Close closes all files but those of systemd. Listeners have descriptors of their
// own by then.
func (s *Sockets) Close() {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	CloseAll(s.all)
	for _, file := range s.claimed {
		_ = file.Close()
	}
	s.all, s.claimed = nil, nil
}

// CloseAll closes the files of sockets.
func CloseAll(all []Socket) {
	for _, s := range all {
		_ = s.File.Close()
	}
}
