package tlspolicy

import (
	"crypto/tls"
	"slices"
)

// Fit returns a configuration under which a handshake with this client can
// come about, if the client cannot check a signature that the one given would
// make: crypto/tls chooses the version and the suite first, and fails when it
// comes to the signature. Such clients get static RSA, where the configuration
// has it, which needs no signature. A client that offers TLS 1.3 without a
// scheme for it gets TLS 1.2. The configuration given is not changed.
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
		return config // it will fail, and crypto/tls finds the words
	}
	return f.config
}

// implied are the schemes of a TLS 1.2 client that names none (RFC 5246
// §7.4.1.4.1).
var implied = []tls.SignatureScheme{tls.PKCS1WithSHA1, tls.ECDSAWithSHA1}

// signsAll reports whether a client takes the signatures of every certificate,
// as nearly all do.
func signsAll(hello *tls.ClientHelloInfo) bool {
	for _, scheme := range []tls.SignatureScheme{tls.ECDSAWithP256AndSHA256, tls.PSSWithSHA256, tls.PKCS1WithSHA256} {
		if !slices.Contains(hello.SignatureSchemes, scheme) {
			return false
		}
	}
	return true
}

// fitting looks for a configuration that fits a hello.
type fitting struct {
	hello  tls.ClientHelloInfo
	config *tls.Config
	copied bool
}

// changed returns the configuration for changes.
func (f *fitting) changed() *tls.Config {
	if !f.copied {
		f.config, f.copied = f.config.Clone(), true
	}
	return f.config
}

// version is what would be negotiated; 0 is none.
func (f *fitting) version() (version uint16) {
	for _, v := range f.hello.SupportedVersions {
		if v >= f.config.MinVersion && v <= f.config.MaxVersion {
			version = max(version, v)
		}
	}
	return version
}

func (f *fitting) avoid13() {
	f.changed().MaxVersion = tls.VersionTLS12
	f.hello.SupportedVersions = slices.DeleteFunc(slices.Clone(f.hello.SupportedVersions), func(v uint16) bool { return v > tls.VersionTLS12 })
}

// suites sorts those of the configuration that the client offers: with a
// signature, and without.
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

// works reports whether the certificate that the client would be given works
// with one of the suites.
func (f *fitting) works(suites []uint16) bool {
	hello := f.hello
	hello.CipherSuites = suites
	cert, err := f.config.GetCertificate(&hello)
	if cert == nil || err != nil {
		return false
	}
	hello.ServerName = "" // a default certificate need not be for it
	return hello.SupportsCertificate(cert) == nil
}
