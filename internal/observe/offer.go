package observe

import (
	"crypto/tls"
	"log/slog"

	"github.com/letterlock/letterlock/internal/observe/loghandler"
	"github.com/letterlock/letterlock/tlspolicy"
)

// Offer is the content of a ClientHello.
type Offer struct {
	ServerName string
	Versions   []uint16
	Suites     []uint16
	Groups     []tls.CurveID
	Signatures []tls.SignatureScheme
	Protocols  []string

	// Flaw is the reason why crypto/tls could not parse the ClientHello; empty:
	// it could.
	Flaw string
}

// fields returns the fields for the log. The names of numbers are the program's
// own, and there are few.
func (o Offer) fields() []slog.Attr {
	fields := []slog.Attr{
		slog.String("sni", o.ServerName), slog.String("versions", loghandler.List(o.Versions, versionName)),
		slog.Any("suites", loghandler.Whole(loghandler.List(o.Suites, suiteName))), slog.Any("groups", loghandler.Whole(loghandler.List(o.Groups, groupName))),
		slog.Any("signatures", loghandler.Whole(loghandler.List(o.Signatures, tls.SignatureScheme.String))),
		slog.String("alpn", loghandler.List(o.Protocols, loghandler.Itself)),
	}
	if o.Flaw != "" {
		fields = append(fields, slog.String("flaw", o.Flaw))
	}
	return fields
}

// versionName returns the name of a version of TLS, or of its predecessors.
func versionName(v uint16) string {
	switch v {
	case 0x0002:
		return "SSLv2"
	case tls.VersionTLS10 - 1:
		return "SSLv3"
	}
	return tlspolicy.Version(v).String()
}

func suiteName(s uint16) string { return tlspolicy.Suite(s).String() }

func groupName(g tls.CurveID) string { return tlspolicy.Group(g).String() }

// Sum returns the part of the offer that policies select from.
func (o Offer) Sum() tlspolicy.Offer { return tlspolicy.OfferOf(o.Versions, o.Suites, o.Groups) }
