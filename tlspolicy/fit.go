package tlspolicy

import (
	"crypto/tls"
	"slices"
)

// Fit adapts a configuration to a client that cannot verify the signatures it
// would make. crypto/tls chooses the version and the suite first, and fails
// only when it has to sign. Fit gives such a client a static RSA suite, which
// needs no signature, if the configuration has one. A client that offers TLS
// 1.3 without a signature scheme for it gets TLS 1.2. Fit returns the given
// configuration or a changed copy of it.
//
// The hello must come from a configuration with the same versions, suites and
// groups.
func Fit(hello *tls.ClientHelloInfo, config *tls.Config) *tls.Config {
	if config.GetCertificate == nil || signsAll(hello) {
		return config
	}
	f := fitting{hello: *hello, config: config}
	if len(hello.SignatureSchemes) == 0 {
		f.hello.SignatureSchemes = implied
	}
	version := f.version()
	if version == tls.VersionTLS13 && !f.works(hello.CipherSuites) {
		f.avoid13()
		version = f.version()
	}
	if version != tls.VersionTLS12 {
		return config // before TLS 1.2 the signature is fixed
	}
	signed, static := f.suites()
	switch {
	case f.works(signed):
	case f.works(static):
		f.changed().CipherSuites = static
	default:
		return config // the handshake fails, with the error of crypto/tls
	}
	return f.config
}

// implied are the signature schemes of a TLS 1.2 client that sends no list
// (RFC 5246 §7.4.1.4.1).
var implied = []tls.SignatureScheme{tls.PKCS1WithSHA1, tls.ECDSAWithSHA1}

// signsAll reports whether a client accepts the signatures of every kind of
// certificate, as nearly all clients do.
func signsAll(hello *tls.ClientHelloInfo) bool {
	for _, scheme := range []tls.SignatureScheme{tls.ECDSAWithP256AndSHA256, tls.PSSWithSHA256, tls.PKCS1WithSHA256} {
		if !slices.Contains(hello.SignatureSchemes, scheme) {
			return false
		}
	}
	return true
}

// fitting is one search for a configuration that suits a hello.
type fitting struct {
	hello  tls.ClientHelloInfo
	config *tls.Config
	copied bool
}

// changed returns the configuration as a copy that may be changed.
func (f *fitting) changed() *tls.Config {
	if !f.copied {
		f.config, f.copied = f.config.Clone(), true
	}
	return f.config
}

// version returns the version that would be negotiated, or 0 for none.
func (f *fitting) version() (version uint16) {
	for _, v := range f.hello.SupportedVersions {
		if v >= f.config.MinVersion && v <= f.config.MaxVersion {
			version = max(version, v)
		}
	}
	return version
}

// avoid13 ends the configuration and the hello at TLS 1.2.
func (f *fitting) avoid13() {
	f.changed().MaxVersion = tls.VersionTLS12
	f.hello.SupportedVersions = slices.DeleteFunc(slices.Clone(f.hello.SupportedVersions), func(v uint16) bool { return v > tls.VersionTLS12 })
}

// suites returns the suites that both sides have: those whose key exchange is
// signed, and those with static RSA.
func (f *fitting) suites() (signed, static []uint16) {
	for _, s := range f.config.CipherSuites {
		switch {
		case !slices.Contains(f.hello.CipherSuites, s):
		case ephemeral(Suite(s)):
			signed = append(signed, s)
		default:
			static = append(static, s)
		}
	}
	return signed, static
}

// works reports whether one of the suites works with the certificate that the
// client would get.
func (f *fitting) works(suites []uint16) bool {
	hello := f.hello
	hello.CipherSuites = suites
	cert, err := f.config.GetCertificate(&hello)
	if cert == nil || err != nil {
		return false
	}
	hello.ServerName = "" // the default certificate may have another name
	return hello.SupportsCertificate(cert) == nil
}
