package observe

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net/netip"
	"time"

	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/observe/loghandler"
	"github.com/letterlock/letterlock/internal/wire"
	"github.com/letterlock/letterlock/tlspolicy"
)

// SessionLog is the Observer that writes the log: a line for each handshake,
// with the words that postmasters search for, and a line for each session. The
// handler of Log limits the lines that a client causes; it finds the client in
// the attribute "client".
type SessionLog struct{ Log *slog.Logger }

// Opened writes nothing: the session's line is written at its end.
func (SessionLog) Opened(*Session) {}

// fields returns the first fields of each line about a session. A kept line is
// written however many lines the client has caused.
func (s *Session) fields(kept bool) []slog.Attr {
	const most = 24 // fields of a session's line
	return append(make([]slog.Attr, 0, most), slog.String("session", s.ID), slog.String("service", s.Listener.Service), s.client(kept))
}

func (s *Session) client(kept bool) slog.Attr {
	return slog.Any("client", loghandler.Client{AddrPort: s.Client, Settled: kept})
}

func (l SessionLog) log(level slog.Level, message string, fields []slog.Attr) {
	l.Log.LogAttrs(context.Background(), level, message, fields...)
}

// TLSEstablished logs in Postfix's words.
func (l SessionLog) TLSEstablished(info *Session) {
	fields := append(info.fields(false), exceptionFields(info)...)
	fields = append(fields, info.ClientCertificate.fields()...)
	if c := info.ClientCertificate; c != nil {
		fields = append(fields, slog.String("client_cert_sha256", c.Fingerprint))
		if c.Err != nil {
			fields = append(fields, slog.Any("client_cert_error", c.Err))
		}
	}
	l.log(slog.LevelInfo, info.ClientCertificate.trust()+" TLS connection established from "+peer(info)+": "+
		tlspolicy.Describe(info.TLS)+" key-exchange "+tlspolicy.KeyExchange(info.TLS), fields)
}

// HandshakeFailed logs the client's offer, so that the administrator sees which
// policy would accept the client. Handshakes of this machine with itself are mostly those
// of a scan, such as letterlock check, which offers old versions on purpose.
func (l SessionLog) HandshakeFailed(info *Session, offer Offer, err error) {
	if _, foreign := errors.AsType[wire.Foreign](err); foreign {
		return // the session's line has the reason
	}
	fields := []slog.Attr{slog.String("session", info.ID), slog.String("listener", info.Listener.String()), info.client(false), slog.Any("error", err)}
	fields = append(fields, offer.fields()...)
	level := slog.LevelWarn
	if info.Client.Addr() == info.Local.Addr() {
		level = slog.LevelInfo
	}
	l.log(level, "TLS handshake with "+peer(info)+" failed", append(fields, exceptionFields(info)...))
}

// LoginRefused logs clients that try to log in before TLS.
func (l SessionLog) LoginRefused(info *Session, command string) {
	l.log(slog.LevelInfo, "refused before TLS", append(info.fields(false), slog.String("command", command)))
}

// Login logs a failed login; the line of the session shows a success. class
// distinguishes a wrong password from a backend that is unavailable, and code
// is the backend's.
func (l SessionLog) Login(info *Session, user, mechanism string, a gate.Answer) {
	if !a.OK() {
		fields := append(info.fields(false), slog.String("user", user), slog.String("mechanism", mechanism), slog.String("class", a.String()), slog.String("code", a.Code))
		l.log(slog.LevelInfo, "login failed", fields)
	}
}

// Denied logs a login that the proxy itself refuses, and the reason.
func (l SessionLog) Denied(info *Session, user, mechanism string, why error) {
	l.log(slog.LevelInfo, "login refused", append(info.fields(false), slog.String("user", user), slog.String("mechanism", mechanism), slog.Any("reason", why)))
}

// Rejected logs a refused sender or recipient, and whether the backend or the
// proxy refused it.
func (l SessionLog) Rejected(info *Session, r gate.Rejection) {
	what, by := "recipient refused", "backend"
	if r.Command == "MAIL" {
		what = "sender refused"
	}
	if r.Ours {
		by = "letterlock"
	}
	fields := append(info.fields(false), slog.String("from", "<"+r.From+">"))
	if r.Command != "MAIL" {
		fields = append(fields, slog.String("to", "<"+r.To+">"))
	}
	l.log(slog.LevelInfo, what, append(fields, slog.String("by", by), slog.Any("reply", loghandler.Long(r.Reply))))
}

// Message logs the result of a message. Nearly every backend's reply contains
// its queue id, with which the message can be followed in the backend's log.
func (l SessionLog) Message(info *Session, m gate.Message) {
	fields := append(info.fields(m.Accepted()), slog.String("from", "<"+m.From+">"), slog.Int("recipients", m.Recipients), slog.Int64("size", m.Size))
	if m.Reply != "" {
		fields = append(fields, slog.Any("reply", loghandler.Long(m.Reply)))
	}
	if m.Err != nil {
		fields = append(fields, slog.Any("error", m.Err))
	}
	l.log(slog.LevelInfo, "mail "+m.Outcome(), fields)
}

// ConnectionRejected logs a client that was rejected at a limit, and a remedy.
func (l SessionLog) ConnectionRejected(listener *Listener, client netip.AddrPort, limit string) {
	l.log(slog.LevelWarn, "connection rejected", []slog.Attr{
		slog.String("listener", listener.String()), slog.Any("client", client), slog.String("limit", limit),
		slog.String("remedy", "raise "+limit+" if the clients are honest"),
	})
}

// HeaderFailed logs a load balancer's connection without a PROXY header. A connection
// that only checks whether the port is open is logged at debug level.
func (l SessionLog) HeaderFailed(listener *Listener, balancer netip.AddrPort, err error) {
	level := slog.LevelWarn
	if errors.Is(err, ErrSilent) {
		level = slog.LevelDebug
	}
	l.log(level, "connection without a proper PROXY header", []slog.Attr{
		slog.Any("listener", loghandler.Kind(listener.String())), slog.Any("client", balancer), slog.Any("error", err), slog.String("remedy", headerRemedy),
	})
}

// Closed writes the session's line.
func (l SessionLog) Closed(info *Session, end Summary) {
	fields := append(info.fields(info.Settled), slog.String("user", info.User))
	if info.Via.IsValid() {
		fields = append(fields, slog.Any("via", info.Via))
	}
	fields = append(fields, tlsFields(info.TLS)...)
	fields = append(fields, exceptionFields(info)...)
	fields = append(fields, info.ClientCertificate.fields()...)
	fields = append(fields, slog.Int64("received", end.Received), slog.Int64("sent", end.Sent),
		slog.Duration("duration", time.Since(info.Opened).Round(time.Millisecond)), outcome(end.Reason))
	if end.Reason == gate.ClientRefused {
		fields = append(fields, slog.String("backend", info.Backend))
	}
	if end.Err != nil {
		fields = append(fields, slog.Any("error", end.Err))
	}
	level := slog.LevelInfo
	switch {
	case end.Silent(info):
		level = slog.LevelDebug
	case end.Reason.Foreign():
		level = slog.LevelWarn
		fields = append(fields, slog.Any("listener", loghandler.Kind(info.Listener.String())), slog.Any("remedy", loghandler.Whole(end.Reason.Remedy())))
	case end.Reason == gate.BackendDrained: // the drain itself was logged, and the metrics count these sessions
		fields = append(fields, slog.String("listener", info.Listener.String()))
	case end.Reason.Backend() || end.Reason == gate.Internal || end.Reason == gate.Crashed:
		level = slog.LevelError
		fields = append(fields, slog.String("listener", info.Listener.String()), slog.String("backend", info.Backend),
			slog.Any("remedy", loghandler.Whole(remedy(info, end.Reason))))
	}
	l.log(level, "session", fields)
}

// outcome returns the field for the end of a session. Clients with another
// protocol are mostly scanners, and a few of their lines are enough.
func outcome(r gate.Reason) slog.Attr {
	if r.Foreign() {
		return slog.Any("outcome", loghandler.Kind(r.String()))
	}
	return slog.String("outcome", r.String())
}

// remedy names the settings of the listener's own handover, if the backend
// refuses that.
func remedy(info *Session, why gate.Reason) string {
	if why == gate.HandoverRefused {
		return info.Listener.Handover.Remedy()
	}
	return why.Remedy()
}

func tlsFields(state *tls.ConnectionState) []slog.Attr {
	if state == nil {
		return []slog.Attr{slog.String("tls", "none")}
	}
	return []slog.Attr{
		slog.String("tls", tlspolicy.Version(state.Version).String()),
		slog.String("suite", tlspolicy.Suite(state.CipherSuite).String()),
		slog.String("group", tlspolicy.KeyExchange(state)),
		slog.String("sni", state.ServerName),
		slog.String("alpn", state.NegotiatedProtocol),
		slog.Bool("resumed", state.DidResume),
	}
}

// exceptionFields returns the exception that was applied, and whether it was needed.
func exceptionFields(info *Session) []slog.Attr {
	if info.Exception == "" {
		return nil
	}
	return []slog.Attr{slog.String("exception", info.Exception), slog.Bool("exception_needed", info.ExceptionNeeded)}
}

// headerRemedy is the remedy for the administrator of a load balancer.
const headerRemedy = "let the load balancer send a PROXY header (HAProxy: send-proxy-v2), or take its network out of the listener's proxy_from"

// peer returns a client in Postfix's form.
func peer(info *Session) string { return info.Name() + "[" + info.Client.Addr().String() + "]" }
