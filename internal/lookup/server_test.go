package lookup

import (
	"bufio"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/letterlock/letterlock/internal/test/authority"
	"github.com/letterlock/letterlock/internal/test/loopback"
)

// A server that hangs, lies or sends without end makes the lookup fail, within the
// timeout.
func TestH20_HostileServers(t *testing.T) {
	drip := func(text string) func(net.Conn) {
		return func(conn net.Conn) {
			for _, err := io.WriteString(conn, "HTTP/1.1 200 OK\r\n"); err == nil; time.Sleep(20 * time.Millisecond) {
				_, err = io.WriteString(conn, text)
			}
		}
	}
	flood := func(head string) func(net.Conn) {
		return func(conn net.Conn) {
			text := strings.Repeat("x", 1<<16)
			for _, err := io.WriteString(conn, head); err == nil; {
				_, err = io.WriteString(conn, text)
			}
		}
	}
	write := func(text string) func(net.Conn) {
		return func(conn net.Conn) {
			_, _ = io.WriteString(conn, text)
			_, _ = io.Copy(io.Discard, conn)
		}
	}
	for name, serve := range map[string]func(net.Conn){
		"says nothing":       write(""),
		"hangs up":           func(conn net.Conn) { _ = conn.Close() },
		"slow headers":       drip("X: y\r\n"),
		"megabytes of line":  flood("HTTP/1.1 200 OK\r\nX-Long: "),
		"megabytes of names": flood("HTTP/1.1 200 OK\r\n"),
		"garbage":            write("* OK IMAP4rev1 ready\r\n\r\n"),
		"half a header":      write("HTTP/1.1 200 OK\r\nAuth-Status: OK\r\nAuth-Ser"),
		"an error":           write("HTTP/1.1 500 Oops\r\nContent-Length: 0\r\nAuth-Status: OK\r\nAuth-Server: 10.0.0.7\r\nAuth-Port: 143\r\n\r\n"),
		"a redirect":         write("HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\nAuth-Status: OK\r\nAuth-Server: 10.0.0.7\r\nAuth-Port: 143\r\n\r\n"),
		"no headers":         write("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
		"continue forever":   drip("\r\nHTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 100 Continue\r\n"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := loopback.Listen(t)
			loopback.Serve(l, serve)
			c, counts := client(t, "http://"+l.Addr().String()+"/", func(o *Options) { o.Timeout = patience })
			if a, err := c.Ask(t.Context(), query()); err == nil || counts.Now().Failed != 1 {
				t.Errorf("%+v, %+v", a, counts.Now())
			} else if strings.Contains(err.Error(), "alice") || strings.Contains(err.Error(), "cret") {
				t.Errorf("the error has the name or the password: %v", err)
			}
		})
	}
}

// The body is ignored: an endless or a missing body changes nothing, and is not waited
// for.
func TestBodiesAreIgnored(t *testing.T) {
	for name, length := range map[string]string{"endless": "", "missing": "Content-Length: 100\r\n"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := loopback.Listen(t)
			loopback.Serve(l, func(conn net.Conn) {
				if _, err := http.ReadRequest(bufio.NewReader(conn)); err != nil {
					return
				}
				_, err := io.WriteString(conn, "HTTP/1.1 200 OK\r\n"+length+"Auth-Status: OK\r\nAuth-Server: 10.0.0.7\r\nAuth-Port: 143\r\n\r\n")
				for length == "" && err == nil {
					_, err = io.WriteString(conn, strings.Repeat("x", 1<<16))
				}
				_, _ = io.Copy(io.Discard, conn)
			})
			const timeout = 30 * time.Second
			c, _ := client(t, "http://"+l.Addr().String()+"/", func(o *Options) { o.Timeout = timeout })
			begun := time.Now()
			if _, err := c.Ask(t.Context(), query()); err != nil || time.Since(begun) >= timeout {
				t.Errorf("%v, after %v", err, time.Since(begun))
			}
		})
	}
}

// The server's certificate is verified, and it may ask for one.
func TestTLS(t *testing.T) {
	ca := authority.New(t)
	l := loopback.Listen(t)
	secured := tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{ca.ECDSA(t, loopback.Host())}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: ca.Pool})
	requests := make(chan []string, 16)
	loopback.Serve(secured, func(conn net.Conn) { answer(conn, found, requests) })
	own := ca.Client(t, "front")
	ask := func(config *tls.Config) error {
		c, _ := client(t, "https://"+l.Addr().String()+"/auth", func(o *Options) { o.TLS = func() *tls.Config { return config } })
		_, err := c.Ask(t.Context(), query())
		return err
	}
	if err := ask(&tls.Config{RootCAs: ca.Pool, Certificates: []tls.Certificate{own}}); err != nil {
		t.Error(err)
	}
	if err := ask(&tls.Config{RootCAs: ca.Pool}); err == nil {
		t.Error("the server has not asked for a certificate")
	}
	if err := ask(&tls.Config{Certificates: []tls.Certificate{own}}); err == nil {
		t.Error("a certificate of an unknown authority was accepted")
	}
}

func TestUnixSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "auth.sock")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	requests := make(chan []string, 1)
	loopback.Serve(l, func(conn net.Conn) { answer(conn, found, requests) })
	c, _ := client(t, "unix:"+path+":/mail/auth", nil)
	if _, err := c.Ask(t.Context(), query()); err != nil {
		t.Fatal(err)
	}
	if lines := <-requests; lines[0] != "GET /mail/auth HTTP/1.1" || !slices.Contains(lines, "Host: localhost") {
		t.Errorf("%q", lines)
	}
}
