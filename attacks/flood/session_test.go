//go:build linux

package flood

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"
)

// session is one connection of a client, hostile or honest.
type session struct {
	net.Conn // the socket, or TLS on it
	socket   *net.TCPConn
	in       *bufio.Reader
}

// hostname is the proxy's hostname.
const hostname = "mail.example.com"

// dial connects from an address of loopback.
func dial(ctx context.Context, from net.IP, to string) (*session, error) {
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: from}}
	conn, err := d.DialContext(ctx, "tcp", to)
	if err != nil {
		return nil, err
	}
	return &session{conn, conn.(*net.TCPConn), bufio.NewReaderSize(conn, 512)}, nil
}

// follow runs all exchanges of a script.
func (s *session) follow(script []exchange) error {
	for _, e := range script {
		if err := s.exchange(e); err != nil {
			return fmt.Errorf("%.40q: %w", e.send, err)
		}
	}
	return nil
}

func (s *session) exchange(e exchange) error {
	var err error
	switch e.send {
	case "":
	case startTLS:
		err = s.handshake(&tls.Config{InsecureSkipVerify: true, ServerName: hostname, CurvePreferences: cheap})
	case halfTLS:
		_, err = s.socket.Write(hello()[:100])
	case halfText:
		err = s.send("Subject: flood\r\n\r\nthis line does not")
	default:
		err = s.send(e.send + "\r\n")
	}
	if err != nil || e.want == "" {
		return err
	}
	return s.await(e.want)
}

func (s *session) send(text string) error {
	_, err := io.WriteString(s.Conn, text)
	return err
}

var errOtherAnswer = errors.New("unexpected reply")

// await reads lines until one has the prefix.
func (s *session) await(want string) error {
	for {
		line, err := s.in.ReadString('\n')
		switch {
		case err != nil:
			return fmt.Errorf("after %q: %w", line, err)
		case strings.HasPrefix(line, want):
			return nil
		case isRefusal(line, want):
			return fmt.Errorf("%w: %q", errOtherAnswer, strings.TrimSpace(line))
		}
	}
}

// isRefusal reports whether a line ends a reply that is not the expected one.
func isRefusal(line, want string) bool {
	tag, _, _ := strings.Cut(want, " ")
	switch {
	case len(line) > 3 && line[3] == ' ' && line[0] >= '2' && line[0] <= '5': // SMTP
		return true
	case strings.HasPrefix(line, "-ERR"), strings.HasPrefix(line, "* BYE"), strings.HasPrefix(line, "BYE"), strings.HasPrefix(line, "NO"):
		return true
	}
	return len(tag) == 1 && tag != "*" && tag != "+" && strings.HasPrefix(line, tag+" ") || want == "+" && strings.HasPrefix(line, "a ")
}

// handshake starts TLS.
func (s *session) handshake(config *tls.Config) error {
	t := tls.Client(s.socket, config)
	if err := t.Handshake(); err != nil {
		return err
	}
	s.Conn = t
	s.in.Reset(t)
	return nil
}

// drain reads until the connection ends, and reports whether the proxy has
// ended it.
func (s *session) drain() bool {
	_, err := io.Copy(io.Discard, s.in)
	var timeout net.Error
	return !errors.As(err, &timeout) || !timeout.Timeout()
}

// cheap is a key exchange with little cost for the client, which leaves the
// processor to the proxy.
var cheap = []tls.CurveID{tls.X25519}

// hello returns the first flight of a client.
func hello() []byte {
	ours, theirs := net.Pipe()
	defer func() { _ = theirs.Close() }()
	go func() {
		_ = tls.Client(ours, &tls.Config{ServerName: hostname}).Handshake()
		_ = ours.Close()
	}()
	first := make([]byte, 4<<10)
	n, _ := theirs.Read(first)
	return first[:n]
}

// later returns the time after a duration, for deadlines.
func later(d time.Duration) time.Time { return time.Now().Add(d) }
