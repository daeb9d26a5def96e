package web

import (
	"crypto/tls"
	"io"
	"log/slog"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/letterlock/letterlock/internal/test/authority"
)

// one is a net.Listener for one connection in memory.
type one struct {
	conn   chan net.Conn
	closed *sync.Once
}

func (o one) Accept() (net.Conn, error) {
	if c, ok := <-o.conn; ok {
		return c, nil
	}
	return nil, net.ErrClosed
}

// Close may be called twice, as http.Server does.
func (o one) Close() error   { o.closed.Do(func() { close(o.conn) }); return nil }
func (o one) Addr() net.Addr { return &net.TCPAddr{} }

// slowly reads one byte each second.
func slowly(conn net.Conn) {
	for {
		if _, err := conn.Read(make([]byte, 1)); err != nil {
			return
		}
		time.Sleep(time.Second)
	}
}

func atOnce(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) }

// Every wait for a client ends, however slowly the client sends or reads.
func TestH7_WaitsEnd(t *testing.T) {
	const hello = "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"
	for what, c := range map[string]struct {
		secure bool
		begin  string // sent at once
		each   string // sent each second
		read   func(net.Conn)
		most   time.Duration
	}{
		"silence":            {false, "", "", atOnce, headerTimeout},
		"silence in TLS":     {true, "", "", atOnce, headerTimeout},
		"a slow header":      {false, "GET / HTTP/1.1\r\nX: ", "x", atOnce, headerTimeout},
		"a slow handshake":   {true, hello, "x", atOnce, headerTimeout},
		"a slow body":        {false, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n", "x", atOnce, requestTimeout},
		"a slow reader":      {false, "GET /long HTTP/1.1\r\nHost: a\r\n\r\n", "", slowly, answerTimeout},
		"silence after one":  {false, request, "", atOnce, idleTimeout},
		"slowness after one": {false, request + "GET / HTTP/1.1\r\nX: ", "x", atOnce, headerTimeout},
	} {
		t.Run(what, func(t *testing.T) {
			took := lasts(t, c.secure, c.begin, c.each, c.read)
			if took > c.most+2*time.Second || took < c.most-time.Second {
				t.Errorf("the connection lasts %s, not %s", took, c.most)
			}
		})
	}
}

// lasts returns how long the server keeps a connection.
func lasts(t *testing.T, secure bool, begin, each string, read func(net.Conn)) (took time.Duration) {
	var config *tls.Config
	if secure {
		config = &tls.Config{Certificates: []tls.Certificate{authority.New(t).ECDSA(t, name)}}
	}
	synctest.Test(t, func(t *testing.T) {
		socket := one{make(chan net.Conn), &sync.Once{}}
		s := New(socket, Options{Name: "test", Handler: answers(), TLS: config, Limits: usual, Log: slog.New(slog.DiscardHandler)})
		s.Serve()
		near, far := net.Pipe()
		socket.conn <- far
		begun := time.Now()
		var writing sync.WaitGroup
		writing.Go(func() { write(near, begin, each) })
		read(near)
		took = time.Since(begun)
		_ = near.Close()
		writing.Wait()
		_ = s.Close()
	})
	return took
}

// write sends begin, and then each once a second.
func write(conn net.Conn, begin, each string) {
	if _, err := io.WriteString(conn, begin); err != nil {
		return
	}
	for each != "" {
		if _, err := io.WriteString(conn, each); err != nil {
			return
		}
		time.Sleep(time.Second)
	}
}
