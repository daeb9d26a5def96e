// Package floor does the least that a proxy with TLS has to do, so that the
// benchmark shows how much of a figure a proxy could still save.
//
// There is no proxy that does all of it at once. For sessions, the floor is
// crypto/tls alone: a server that answers itself, without a backend. For bytes, it
// is a relay without TLS that reads nothing: the kernel moves the bytes from one
// socket to the other (splice).
package floor

import (
	"crypto/tls"
	"io"
	"net"
	"strconv"
	"sync"

	"github.com/letterlock/letterlock/bench/backend"
)

// Ports are those of one protocol, on 127.0.0.1.
type Ports struct {
	Protocol string // imap, pop3 or smtp
	TLS      int    // crypto/tls alone
	Relay    int    // plaintext
	Backend  int    // where the relay connects to
}

// Serve listens on all ports and returns; the sessions go on until the process
// ends. Cert and key are names of files.
func Serve(all []Ports, cert, key string) error {
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		return err
	}
	config := &tls.Config{Certificates: []tls.Certificate{pair}}
	for _, p := range all {
		l, err := listen(p.TLS)
		if err != nil {
			return err
		}
		go backend.Accept(tls.NewListener(l, config), p.Protocol)
		if l, err = listen(p.Relay); err != nil {
			return err
		}
		go relayAll(l, p.Backend)
	}
	return nil
}

func listen(port int) (net.Listener, error) { return net.Listen("tcp", address(port)) }

func address(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

func relayAll(l net.Listener, port int) {
	for {
		client, err := l.Accept()
		if err != nil {
			continue // out of descriptors, for a moment
		}
		go relay(client, port)
	}
}

// relay moves bytes both ways until either side ends.
func relay(client net.Conn, port int) {
	defer func() { _ = client.Close() }()
	server, err := net.Dial("tcp", address(port))
	if err != nil {
		return
	}
	defer func() { _ = server.Close() }()
	var both sync.WaitGroup
	both.Go(func() { move(server, client) })
	move(client, server)
	both.Wait()
}

func move(to, from net.Conn) {
	_, _ = io.Copy(to, from)
	_ = to.Close()
}
