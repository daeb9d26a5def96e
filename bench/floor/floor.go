// Package floor implements the least work that a proxy with TLS must do, so
// that the benchmark shows how much a proxy could still save.
//
// No program does all of that work with minimal cost, so there are two. For
// sessions, the floor is crypto/tls alone: a server that replies itself,
// without a backend. For bytes, the floor is a relay without TLS that reads
// nothing: the kernel moves the bytes from one socket to the other (splice).
package floor

import (
	"crypto/tls"
	"io"
	"net"
	"strconv"
	"sync"

	"github.com/letterlock/letterlock/bench/backend"
)

// Ports are the ports for one protocol, on 127.0.0.1.
type Ports struct {
	Protocol string // imap, pop3 or smtp
	TLS      int    // crypto/tls alone
	Relay    int    // plaintext
	Backend  int    // the relay connects to it
}

// Serve opens all ports and returns; the sessions are served until the process
// ends. cert and key are paths.
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
			continue // there are no descriptors at the moment
		}
		go relay(client, port)
	}
}

// relay copies bytes in both directions until either side ends.
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
