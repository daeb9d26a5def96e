package gate

import (
	"errors"
	"io"
	"net"
	"os"

	"github.com/letterlock/letterlock/internal/wire"
)

// Reason is the reason for the end of a session. It determines the reply, the field in the log
// and the label of the metric.
type Reason int

// The reasons. Only Done is not a failure.
const (
	Done            Reason = iota // the client ended the session, or both sides have closed
	ClientGone                    // the client closed or reset the connection
	Timeout                       // the client was silent for too long
	HandshakeFailed               // the TLS handshake failed
	Injected                      // plaintext data after STARTTLS
	Desynchronised                // data where the client must wait for a reply
	TooManyErrors                 // wrong commands
	LineTooLong                   // a line, token or literal above its limit
	OtherProtocol                 // HTTP, SSH, RDP or similar
	TLSUnasked                    // TLS before STARTTLS
	PlaintextOnTLS                // a command on a port with implicit TLS
	HeaderUnasked                 // a PROXY header from an address that is not in proxy_from
	EarlyTalker                   // data before the greeting
	LoginRefused                  // by the proxy, after too many failed logins
	LookupRefused                 // by the lookup of the user's backend
	ClientRefused                 // by the backend, which knows the client's address
	Busy                          // a limit on connections
	Shutdown                      // SIGTERM
	Kicked                        // by the administrator
	BackendDrained                // the administrator has drained all of its addresses
	BackendDown                   // no connection
	BackendRefused                // its greeting is a refusal
	BackendGone                   // it closed the connection, or does not reply
	BackendTLS                    // the required TLS failed
	HandoverRefused               // it does not accept the configured handover
	BackendLogin                  // it does not offer the configured login method
	BackendGarbage                // it does not follow the protocol
	Internal                      // a defect of the program
	Crashed                       // a panic
)

type reasonText struct{ label, sentence, remedy string }

// One row for each reason: the label for the log and metrics, the sentence for
// the client and the log, and what the administrator can do about it.
var reasons = [...]reasonText{
	Done:            {"done", "goodbye", ""},
	ClientGone:      {"client-gone", "the client closed the connection", ""},
	Timeout:         {"timeout", "timeout exceeded", ""},
	HandshakeFailed: {"handshake-failed", "the TLS handshake failed", "compare the client's offer with the listener's policy"},
	Injected:        {"injected", "plaintext data after the command that starts TLS", "a broken client, or an attack on one"},
	Desynchronised:  {"desynchronised", "improper use of command pipelining", "a broken client, or an attack"},
	TooManyErrors:   {"too-many-errors", "too many errors", ""},
	LineTooLong:     {"line-too-long", "line too long", "raise limits.line, limits.token or limits.literal if the client is honest"},
	OtherProtocol:   {"other-protocol", "this is a mail service", "a scanner; or see where the client's configuration has the wrong port"},
	TLSUnasked:      {"tls-without-starttls", "this port speaks TLS only after STARTTLS", "set the client to STARTTLS, or to the port of implicit TLS (465, 993, 995)"},
	PlaintextOnTLS:  {"plaintext-on-tls-port", "this port speaks TLS only", "set the client to implicit TLS (often called SSL/TLS), or to the port of STARTTLS (587, 143, 110, 4190)"},
	HeaderUnasked:   {"unexpected-proxy-header", "no PROXY header is expected here", "name the load balancer's network in the listener's proxy_from, or let it send no PROXY header"},
	EarlyTalker:     {"early-talker", "you spoke before the greeting", "set the listener's greet_delay to 0s if the client is honest"},
	LoginRefused:    {"login-refused", "too many failed logins", "raise limits.login_failures_per_client or limits.login_failures_per_user if the client is honest"},
	LookupRefused:   {"lookup-refused", "the login was refused", "see the log of the server that lookups name for why it refuses the user"},
	ClientRefused:   {"client-refused", "the server refuses this client", "see the backend's own log for why it refuses this client"},
	Busy:            {"busy", "too many connections", "raise limits.connections, limits.unauthenticated and similar limits if the clients are honest"},
	Shutdown:        {"shutdown", "the service is shutting down", ""},
	Kicked:          {"kicked", "the administrator has ended this session", ""},
	BackendDrained:  {"backend-drained", "service not available", "bring an address of the backend back: letterlock backends resume ADDRESS"},
	BackendDown:     {"backend-down", "service not available", "see that the backend runs and that its address and port are right"},
	BackendRefused:  {"backend-refused", "service not available", "see the backend's own log for why it refuses the proxy's address, or whether that port wants a PROXY header (handover: proxy-v2)"},
	BackendGone:     {"backend-gone", "service not available", "see the backend's own log"},
	BackendTLS:      {"backend-tls", "service not available", "see that the backend offers TLS, and that the ca, pin, server_name and min_version of backends fit its certificate and age"},
	HandoverRefused: {"handover-refused", "service not available", "let the backend take the handover from the proxy's address (XCLIENT and XFORWARD: Postfix smtpd_authorized_xclient_hosts and _xforward_hosts, Exim hosts_xclient, Dovecot login_trusted_networks; a PROXY header: Dovecot haproxy_trusted_networks, Postfix smtpd_upstream_proxy_protocol, Exim hosts_proxy), or change the listener's handover"},
	BackendLogin:    {"backend-login", "service not available", "let the backend offer the login that the listener's backend_login names, or name another"},
	BackendGarbage:  {"backend-garbage", "service not available", "see that the backend's port speaks the listener's protocol, in plaintext"},
	Internal:        {"internal", "internal error", "please report it"},
	Crashed:         {"panic", "internal error", "please report it, with the stack from the log"},
}

// String returns the label for the log and metrics.
func (r Reason) String() string { return reasons[r].label }

// Sentence describes the reason in words that may be sent to the client.
func (r Reason) Sentence() string { return reasons[r].sentence }

// Remedy says what the administrator can do about it; often nothing.
func (r Reason) Remedy() string { return reasons[r].remedy }

// Foreign reports whether the client used another protocol than the listener's.
func (r Reason) Foreign() bool { return r >= OtherProtocol && r <= HeaderUnasked }

// Polite reports whether the proxy has ended the session between two commands, so
// that a goodbye fits even while bytes are relayed.
func (r Reason) Polite() bool { return r == Shutdown || r == Kicked }

// Backend reports whether the backend has caused the end.
func (r Reason) Backend() bool { return r >= BackendDrained && r <= BackendGarbage }

// SessionError is the error that ends a session.
type SessionError struct {
	Reason Reason
	Err    error // the cause; may be nil
	Known  bool  // the backend knew the client's address: its refusal may be about the client
}

func (e *SessionError) Error() string {
	if e.Err == nil {
		return e.Reason.Sentence()
	}
	return e.Reason.Sentence() + ": " + e.Err.Error()
}

func (e *SessionError) Unwrap() error { return e.Err }

// Because returns the error that ends a session for a reason. An error that has a
// reason keeps it.
func Because(r Reason, err error) error {
	if _, ok := errors.AsType[*SessionError](err); ok {
		return err
	}
	return &SessionError{Reason: r, Err: err}
}

// Knowing marks an error of a backend that knew the client's address.
func Knowing(err error) error {
	end, ok := errors.AsType[*SessionError](err)
	if !ok {
		return err
	}
	known := *end
	known.Known = true
	return &known
}

// ReasonOf returns the reason of an error; nil is Done.
func ReasonOf(err error) Reason {
	if err == nil {
		return Done
	}
	if end, ok := errors.AsType[*SessionError](err); ok {
		return end.Reason
	}
	return Internal
}

// FromClient adds the reason to an error of reading from or writing to the
// client, if it has none yet. A handshake that timed out is a failed handshake:
// nothing may be sent in plaintext after it.
func FromClient(err error) error {
	if _, ok := errors.AsType[*SessionError](err); ok {
		return err
	}
	switch {
	case errors.Is(err, wire.ErrInterrupted):
		return Because(Shutdown, nil)
	case errors.Is(err, wire.ErrPipelined):
		return Because(Injected, nil)
	case errors.Is(err, wire.ErrLineTooLong):
		return Because(LineTooLong, nil)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return Because(Timeout, nil)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed):
		return Because(ClientGone, nil)
	}
	if foreign, ok := errors.AsType[wire.Foreign](err); ok {
		return Because(foreigners[foreign.Protocol], foreign)
	}
	return Because(ClientGone, err)
}

// foreigners are the reasons for the protocols that clients use instead of the
// listener's.
var foreigners = map[wire.Protocol]Reason{
	wire.TLS: TLSUnasked, wire.SSLv2: TLSUnasked, wire.Plaintext: PlaintextOnTLS, wire.PROXYHeader: HeaderUnasked,
	wire.HTTP: OtherProtocol, wire.SSH: OtherProtocol, wire.RDP: OtherProtocol, wire.Binary: OtherProtocol,
}

// FromBackend adds the reason to an error of reading from or writing to the
// backend.
func FromBackend(err error) error {
	_, syntax := errors.AsType[wire.SyntaxError](err)
	switch {
	case syntax, errors.Is(err, wire.ErrLineTooLong):
		return Because(BackendGarbage, err)
	case errors.Is(err, wire.ErrPipelined):
		return Because(BackendTLS, err)
	}
	return Because(BackendGone, err)
}
