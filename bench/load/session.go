//go:build linux

package load

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"time"
)

// patience bounds each step of a session. It is long, because the machine may
// be busy.
const patience = 2 * time.Minute

// session is a client's connection. After open it is logged in.
type session struct {
	net.Conn
	in  *bufio.Reader
	tls tls.ConnectionState
}

// sources is the number of loopback addresses that the clients use, so that
// neither ports nor limits for one client are exhausted.
const sources = 32

// dial connects client i.
func (j *Job) dial(i int) (net.Conn, error) {
	from := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, byte(2+i%sources))}, Timeout: patience}
	conn, err := from.Dial("tcp", j.Addresses[i%len(j.Addresses)])
	if err != nil {
		return nil, err
	}
	return conn, conn.SetDeadline(time.Now().Add(patience))
}

// open connects client i, starts TLS and logs in.
func (r *run) open(i int) (*session, error) {
	conn, err := r.job.dial(i)
	if err != nil {
		return nil, err
	}
	s := &session{Conn: conn, in: bufio.NewReaderSize(conn, 4<<10)}
	if err := r.login(s, i); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return s, conn.SetDeadline(time.Time{})
}

func (r *run) login(s *session, i int) error {
	if r.job.STARTTLS {
		if err := r.speaks.startTLS(s); err != nil {
			return fmt.Errorf("STARTTLS: %w", err)
		}
	}
	if !r.job.Plain {
		if err := r.handshake(s, i); err != nil {
			return fmt.Errorf("TLS: %w", err)
		}
	}
	if !r.job.STARTTLS {
		if err := r.speaks.greeting(s); err != nil {
			return fmt.Errorf("greeting: %w", err)
		}
	}
	if err := r.speaks.login(s); err != nil {
		return fmt.Errorf("login: %w", err)
	}
	return nil
}

func (r *run) handshake(s *session, i int) error {
	t := tls.Client(s.Conn, r.tlsConfig(i))
	if err := t.Handshake(); err != nil {
		return err
	}
	s.Conn, s.tls = t, t.ConnectionState()
	s.in.Reset(t)
	r.saw(s)
	return nil
}

// tlsConfig returns the configuration of client i. It verifies no certificates:
// they are made for the run, and the work of the clients is not measured.
func (r *run) tlsConfig(i int) *tls.Config {
	config := &tls.Config{
		InsecureSkipVerify: true, ServerName: ServerName(i % len(r.job.Addresses)),
		CurvePreferences: []tls.CurveID{tls.X25519},
	}
	switch r.job.Group {
	case tls.X25519MLKEM768.String(): // and the fallback for proxies without it
		config.CurvePreferences = []tls.CurveID{tls.X25519MLKEM768, tls.X25519, tls.CurveP256}
	case tls.CurveP256.String():
		config.CurvePreferences = []tls.CurveID{tls.CurveP256}
	}
	if r.job.TLS12 {
		config.MaxVersion = tls.VersionTLS12
		config.CurvePreferences = append(config.CurvePreferences, tls.CurveP256) // the certificate's curve, which TLS 1.2 requires in the offer
	}
	if r.job.Resume {
		config.ClientSessionCache = r.tickets
	}
	return config
}

// ServerName is the name of the listener at Job.Addresses[i].
func ServerName(i int) string { return fmt.Sprintf("mail%d.example.com", i) }

// close closes the socket at once: the session has already ended in the
// protocol.
func (s *session) close() {
	if t, ok := s.Conn.(*tls.Conn); ok {
		_ = t.NetConn().Close()
		return
	}
	_ = s.Conn.Close()
}

func (s *session) send(lines string) error {
	_, err := s.Write([]byte(lines))
	return err
}

var errReply = errors.New("unexpected reply")

// reply reads lines up to the last line of a reply, which must begin with a
// prefix.
func (s *session) reply(want string, last func(line []byte) bool) error {
	for {
		line, err := s.in.ReadSlice('\n')
		switch {
		case err != nil:
			return err
		case !last(line):
		case !bytes.HasPrefix(line, []byte(want)):
			return fmt.Errorf("%w: %q", errReply, line)
		default:
			return nil
		}
	}
}

const fillerLine = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcd\r\n"

var filler = bytes.Repeat([]byte(fillerLine), 4096)

// fill sends n bytes of text.
func (s *session) fill(n int) error {
	for n > 0 {
		k := min(n, len(filler))
		if _, err := s.Write(filler[:k]); err != nil {
			return err
		}
		n -= k
	}
	return nil
}

// swallow discards n bytes.
func (s *session) swallow(n int) error {
	_, err := s.in.Discard(n)
	return err
}
