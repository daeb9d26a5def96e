package dialog

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"regexp"
	"time"

	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/wire"
)

var (
	errDialled   = errors.New("the backend was dialled")
	errClearText = errors.New("plaintext was sent after the command that starts TLS")
	errHandshake = errors.New("the handshake succeeded")
)

// backLimits are the limits of the proxy for a backend, with shorter waits.
var backLimits = wire.Limits{Line: 64 << 10, Wait: patience, Text: patience, Verdict: patience, Write: patience, Backend: true}

// serve takes the gate through its steps, as a session of the proxy does.
func (r *runner) serve(g Gate, conn net.Conn) <-chan struct{} {
	limits := wire.Limits{Line: 8 << 10, Wait: patience, Text: patience, Verdict: patience, Write: patience}
	front := wire.New(conn, limits)
	front.Handshake = func(c net.Conn) (*tls.Conn, error) {
		t := tls.Server(c, &tls.Config{Certificates: r.certs, MinVersion: tls.VersionTLS12})
		_ = t.SetDeadline(time.Now().Add(patience))
		return t, t.Handshake()
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		err := r.session(g, front)
		if want := r.script.options["ends"]; want != "" && want != gate.ReasonOf(err).String() {
			r.t.Errorf("the gate ends with %v, not for the reason %s", err, want)
		}
		g.Refuse(front.ForGate(), gate.ReasonOf(err))
		_ = front.Close()
	}()
	return done
}

func (r *runner) session(g Gate, front *wire.Conn) error {
	if r.script.implicit {
		if err := front.Start(); err != nil {
			return gate.Because(gate.HandshakeFailed, err)
		}
	}
	if err := g.Secure(front.ForGate()); err != nil {
		return err
	}
	defer func() {
		if r.back != nil {
			r.back.Abort()
		}
	}()
	if err := r.reach(g.Open); err != nil {
		return err
	}
	if err := g.Settle(front.ForGate(), r.back.ForGate()); err != nil {
		return err
	}
	return relay(front, r.back)
}

// reach connects the gate to a new backend, and closes the previous connection.
func (r *runner) reach(open func(*wire.Stream) error) error {
	conn, err := net.Dial("tcp", r.listener.Addr().String())
	if err != nil {
		return gate.Because(gate.BackendDown, err)
	}
	before := r.back
	r.back = r.backConn(conn)
	err = open(r.back.ForGate())
	if before != nil {
		before.Abort()
	}
	return err
}

// routed sets the login method and the routes that the script specifies.
func (r *runner) routed(s *gate.Session, open func(*wire.Stream) error) {
	home, nowhere := r.script.options["home"], r.script.options["nowhere"]
	s.Mechanisms.LoginMethod = gate.LoginMethod(r.script.options["backend_login"])
	s.Mechanisms.Routed = home != "" || nowhere != ""
	if !s.Mechanisms.Routed {
		return
	}
	s.Backends.Route = func(mailbox string) error {
		switch mailbox {
		case nowhere:
			return gate.ErrNowhere
		case home:
			return r.reach(open)
		}
		return nil
	}
}

func (r *runner) backConn(conn net.Conn) *wire.Conn {
	back := wire.New(conn, backLimits)
	if r.script.options["backend"] == "starttls" {
		back.Handshake = func(c net.Conn) (*tls.Conn, error) {
			t := tls.Client(c, clientConfig())
			_ = t.SetDeadline(time.Now().Add(patience))
			return t, t.Handshake()
		}
	}
	return back
}

// relay copies bytes in both directions. It is simpler than the proxy, because dialogs
// end soon after the relay begins.
func relay(front, back *wire.Conn) error {
	f, fromClient, err := front.Detach()
	if err != nil {
		return err
	}
	b, fromBackend, err := back.Detach()
	if err != nil {
		return err
	}
	if _, err := b.Write(fromClient); err != nil {
		return err
	}
	if _, err := f.Write(fromBackend); err != nil {
		return err
	}
	ended := make(chan struct{})
	go func() {
		_, _ = io.Copy(f, b)
		_ = f.Close()
		close(ended)
	}()
	_, _ = io.Copy(b, f)
	_ = b.Close()
	<-ended
	return gate.Because(gate.ClientGone, nil)
}

// readLine reads a line, which the pattern must match completely.
func readLine(r *bufio.Reader, pattern string) error {
	line, err := r.ReadString('\n')
	if err != nil {
		return fmt.Errorf("read %q, then %w", line, err)
	}
	re, err := regexp.Compile(`^(?s:` + pattern + `)\r\n$`)
	if err != nil {
		return err
	}
	if !re.MatchString(line) {
		return fmt.Errorf("read %q", line)
	}
	return nil
}

// ended checks that the connection has ended, with nothing sent before.
func ended(r *bufio.Reader) error {
	line, err := r.ReadString('\n')
	var timeout net.Error
	if line != "" || err == nil || errors.As(err, &timeout) && timeout.Timeout() {
		return fmt.Errorf("read %q (%v), not the end of the connection", line, err)
	}
	return nil
}
