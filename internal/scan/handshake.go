package scan

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"syscall"
)

// HandshakeError says that a server has answered, but a TLS handshake with it has failed.
type HandshakeError struct{ Err error }

// Error names the cause.
func (e *HandshakeError) Error() string { return fmt.Sprintf("the TLS handshake fails: %v", e.Err) }

// Unwrap returns the cause.
func (e *HandshakeError) Unwrap() error { return e.Err }

// Handshake performs one handshake with a target. It sends STARTTLS directly after the
// greeting, because a proxy may need its backend to answer other commands. rules are the
// client's versions, suites and groups. The state has the certificates that the server has
// presented; they are not verified. A server that demands a certificate of the client
// after that counts as a success. The error is a HandshakeError if TLS fails, other than
// by a timeout or a broken connection.
func Handshake(ctx context.Context, t Target, o Options, rules *tls.Config) (state tls.ConnectionState, err error) {
	v := &look{Target: t, Options: o.withDefaults(), ctx: ctx, report: &Report{}}
	c, err := v.dial()
	if err != nil {
		return state, err
	}
	defer func() { _ = c.Close() }()
	presented := rules.Clone()
	presented.VerifyConnection = func(s tls.ConnectionState) error {
		state = s
		return nil
	}
	shake := v.anyTLS(presented)
	if t.Implicit {
		c.Conn, err = shake(c.Conn)
	} else if _, err = c.Greeting(); err == nil {
		err = c.StartTLS(shake)
	}
	alert, ok := errors.AsType[*net.OpError](err)
	switch {
	case err == nil, ok && alert.Op == "remote error" && len(state.PeerCertificates) > 0:
		return state, nil
	case v.started && !broken(err) && ctx.Err() == nil:
		return state, &HandshakeError{err}
	}
	return state, err
}

// broken reports whether the connection has ended without an alert.
func broken(err error) bool {
	return slices.ContainsFunc([]error{os.ErrDeadlineExceeded, io.EOF, io.ErrUnexpectedEOF, net.ErrClosed, syscall.ECONNRESET, syscall.EPIPE},
		func(e error) bool { return errors.Is(err, e) })
}
