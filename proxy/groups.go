package proxy

import (
	"crypto/tls"
	"runtime"
	"slices"
)

// withoutX25519 returns a copy of a configuration without the group X25519, for
// the handshakes of prefersP256; nil if there is no use for it.
//
// crypto/tls prefers X25519 to P-256, whatever the order of the configuration.
// Both have the same strength. On amd64 P-256 costs less, because all of it is
// written in assembly; other processors were not measured.
func withoutX25519(config *tls.Config) *tls.Config {
	switch groups := config.CurvePreferences; {
	case runtime.GOARCH != "amd64", !slices.Contains(groups, tls.X25519), !slices.Contains(groups, tls.CurveP256):
		return nil
	case config.WrapSession == nil:
		return nil // the copy would keep today's ticket keys; WrapSession uses those of the original
	}
	faster := config.Clone()
	faster.CurvePreferences = slices.DeleteFunc(slices.Clone(config.CurvePreferences), func(g tls.CurveID) bool { return g == tls.X25519 })
	return faster
}

// prefersP256 reports whether a handshake is one of TLS 1.2 or earlier in which
// the client offers X25519 and P-256. In TLS 1.3 most clients send no key share
// for P-256, so that it would cost a round trip.
func prefersP256(hello *tls.ClientHelloInfo, config *tls.Config) bool {
	return (config.MaxVersion < tls.VersionTLS13 || !slices.Contains(hello.SupportedVersions, tls.VersionTLS13)) &&
		slices.Contains(hello.SupportedCurves, tls.CurveP256) && slices.Contains(hello.SupportedCurves, tls.X25519)
}
