package proxy

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/wire"
	"github.com/letterlock/letterlock/tlspolicy"
)

// SessionLog is the Observer that writes the log: a line for each handshake,
// in the words that postmasters look for, and a line for each session.
type SessionLog struct {
	Log      *slog.Logger
	Failures *Throttle // of failed handshakes; nil: all are logged
	Foreign  *ForeignLog
}

// Opened says nothing: the session's own line comes at its end.
func (SessionLog) Opened(*Info) {}

// TLSEstablished logs in Postfix's words.
func (l SessionLog) TLSEstablished(info *Info) {
	suite := tlspolicy.Suite(info.TLS.CipherSuite)
	bits := suite.Bits()
	fields := []slog.Attr{slog.String("session", info.ID), slog.String("service", info.Listener.Service)}
	fields = append(fields, laneFields(info)...)
	fields = append(fields, info.ClientCertificate.fields()...)
	if c := info.ClientCertificate; c != nil {
		fields = append(fields, slog.String("client_cert_sha256", c.Fingerprint))
		if c.Err != nil {
			fields = append(fields, slog.Any("client_cert_error", c.Err))
		}
	}
	l.Log.LogAttrs(context.Background(), slog.LevelInfo, info.ClientCertificate.trust()+" TLS connection established from "+peer(info)+": "+
		tlspolicy.Version(info.TLS.Version).String()+" with cipher "+suite.String()+strength(bits)+
		" key-exchange "+keyExchange(info.TLS), fields...)
}

// HandshakeFailed logs what the client had to offer, so that the administrator
// sees what would have let it in.
func (l SessionLog) HandshakeFailed(info *Info, offer Offer, err error) {
	if _, foreign := errors.AsType[wire.Foreign](err); foreign {
		return // the session's own line says it
	}
	dropped, ok := l.Failures.pass(info.Client.Addr(), time.Now())
	if !ok {
		return
	}
	fields := []slog.Attr{
		slog.String("session", info.ID), slog.String("listener", info.Listener.String()), slog.Any("error", err),
		slog.String("sni", offer.ServerName), slog.String("versions", versionNames(offer.Versions)),
		slog.String("suites", suiteNames(offer.Suites)), slog.String("alpn", strings.Join(offer.Protocols, ",")),
	}
	fields = append(fields, laneFields(info)...)
	if dropped > 0 {
		fields = append(fields, slog.Int("not_logged_before", dropped))
	}
	l.Log.LogAttrs(context.Background(), slog.LevelWarn, "TLS handshake with "+peer(info)+" failed", fields...)
}

// LoginRefused says who still tries to log in in clear.
func (l SessionLog) LoginRefused(info *Info, command string) {
	l.Log.Info("refused in clear", "session", info.ID, "service", info.Listener.Service, "client", info.Client, "command", command)
}

// Login logs failures; a success stands in the session's line. The class tells a
// wrong password from a server that cannot serve, and the code is the backend's.
func (l SessionLog) Login(info *Info, user, mechanism string, a gate.Answer) {
	if !a.OK() {
		l.Log.Info("login failed", "session", info.ID, "service", info.Listener.Service, "client", info.Client, "user", user, "mechanism", mechanism,
			"class", a.String(), "code", a.Code)
	}
}

// Turned says who found no place, to those who want to know it of each; the
// server warns of all together.
func (l SessionLog) Turned(listener *Listener, client netip.AddrPort) {
	l.Log.Debug("connection turned away", "listener", listener.String(), "client", client)
}

// Closed is the session's line.
func (l SessionLog) Closed(info *Info, end Summary) {
	fields := []slog.Attr{
		slog.String("session", info.ID), slog.String("service", info.Listener.Service),
		slog.Any("client", info.Client), slog.String("user", info.User),
	}
	if info.Via.IsValid() {
		fields = append(fields, slog.Any("via", info.Via))
	}
	fields = append(fields, tlsFields(info.TLS)...)
	fields = append(fields, laneFields(info)...)
	fields = append(fields, info.ClientCertificate.fields()...)
	fields = append(fields, slog.Int64("received", end.Received), slog.Int64("sent", end.Sent),
		slog.Duration("duration", time.Since(info.Opened).Round(time.Millisecond)), slog.String("outcome", end.Reason.String()))
	level := slog.LevelInfo
	if end.Reason == gate.ClientRefused {
		fields = append(fields, slog.String("backend", info.Backend))
	}
	if end.Err != nil {
		fields = append(fields, slog.Any("error", end.Err))
	}
	if end.Reason.Foreign() {
		more, ok := l.Foreign.fields(info.Listener, end.Reason, time.Now())
		if !ok {
			return
		}
		fields, level = append(fields, more...), slog.LevelWarn
	}
	if end.Reason.Backend() || end.Reason == gate.Internal {
		level = slog.LevelError
		fields = append(fields, slog.String("listener", info.Listener.String()), slog.String("backend", info.Backend),
			slog.String("remedy", remedy(info, end.Reason)))
	}
	l.Log.LogAttrs(context.Background(), level, "session", fields...)
}

// remedy names the settings of the listener's own handover, where that is what
// the backend does not take.
func remedy(info *Info, why gate.Reason) string {
	if why == gate.HandoverRefused {
		return info.Listener.Handover.Words().Remedy()
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
		slog.String("group", keyExchange(state)),
		slog.String("sni", state.ServerName),
		slog.String("alpn", state.NegotiatedProtocol),
		slog.Bool("resumed", state.DidResume),
	}
}

// laneFields tell which lane was taken, and whether it had to be.
func laneFields(info *Info) []slog.Attr {
	if info.Lane == nil {
		return nil
	}
	return []slog.Attr{slog.String("lane", info.Lane.Name), slog.Bool("lane_needed", info.LaneNeeded())}
}

// peer is a client as Postfix names it.
func peer(info *Info) string { return info.Name() + "[" + info.Client.Addr().String() + "]" }

func keyExchange(state *tls.ConnectionState) string {
	if state.CurveID == 0 {
		return "RSA"
	}
	return tlspolicy.Group(state.CurveID).String()
}

func strength(bits int) string {
	if bits == 0 {
		return ""
	}
	n := strconv.Itoa(bits)
	return " (" + n + "/" + n + " bits)"
}

// maxNames bounds how much of a client's offer is logged.
const maxNames = 40

func versionNames(versions []uint16) string { return names[tlspolicy.Version](versions) }
func suiteNames(suites []uint16) string     { return names[tlspolicy.Suite](suites) }

func names[T interface {
	~uint16
	String() string
}](values []uint16) string {
	var list []string
	for _, v := range values[:min(len(values), maxNames)] {
		list = append(list, T(v).String())
	}
	return strings.Join(list, ",")
}
