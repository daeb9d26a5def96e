package tlspolicy

import (
	"crypto/tls"
	"fmt"
	"strings"
)

// Suite is a cipher suite. Its text form is the OpenSSL name; the IANA name is
// accepted too.
type Suite uint16

// Policies are built from these blocks, the best first. None of them has RC4
// (RFC 7465).
var (
	// A: ephemeral key exchange with AEAD.
	suitesA = []Suite{
		Suite(tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256),
		Suite(tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256),
		Suite(tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384),
		Suite(tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384),
		Suite(tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256),
		Suite(tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256),
	}
	// B: ephemeral key exchange with CBC and SHA-1.
	suitesB = []Suite{
		Suite(tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA),
		Suite(tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA),
		Suite(tls.TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA),
		Suite(tls.TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA),
	}
	// C: static RSA, for clients without elliptic curves.
	suitesC = []Suite{
		Suite(tls.TLS_RSA_WITH_AES_128_GCM_SHA256),
		Suite(tls.TLS_RSA_WITH_AES_256_GCM_SHA384),
		Suite(tls.TLS_RSA_WITH_AES_128_CBC_SHA),
		Suite(tls.TLS_RSA_WITH_AES_256_CBC_SHA),
	}
	// D: weak, but better than plaintext.
	suitesD = []Suite{
		Suite(tls.TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA),
		Suite(tls.TLS_RSA_WITH_3DES_EDE_CBC_SHA),
		Suite(tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256),
		Suite(tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256),
		Suite(tls.TLS_RSA_WITH_AES_128_CBC_SHA256),
	}
)

// suite13 lists the suites of TLS 1.3, which no policy can change.
var suite13 = []Suite{
	Suite(tls.TLS_AES_128_GCM_SHA256),
	Suite(tls.TLS_AES_256_GCM_SHA384),
	Suite(tls.TLS_CHACHA20_POLY1305_SHA256),
}

type suiteName struct {
	suite   Suite
	openssl string
	bits    int // the cipher's effective strength, as Postfix logs it
}

var suiteNames = []suiteName{
	{Suite(tls.TLS_AES_128_GCM_SHA256), "TLS_AES_128_GCM_SHA256", 128},
	{Suite(tls.TLS_AES_256_GCM_SHA384), "TLS_AES_256_GCM_SHA384", 256},
	{Suite(tls.TLS_CHACHA20_POLY1305_SHA256), "TLS_CHACHA20_POLY1305_SHA256", 256},
	{Suite(tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256), "ECDHE-ECDSA-AES128-GCM-SHA256", 128},
	{Suite(tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256), "ECDHE-RSA-AES128-GCM-SHA256", 128},
	{Suite(tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384), "ECDHE-ECDSA-AES256-GCM-SHA384", 256},
	{Suite(tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384), "ECDHE-RSA-AES256-GCM-SHA384", 256},
	{Suite(tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256), "ECDHE-ECDSA-CHACHA20-POLY1305", 256},
	{Suite(tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256), "ECDHE-RSA-CHACHA20-POLY1305", 256},
	{Suite(tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA), "ECDHE-ECDSA-AES128-SHA", 128},
	{Suite(tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA), "ECDHE-RSA-AES128-SHA", 128},
	{Suite(tls.TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA), "ECDHE-ECDSA-AES256-SHA", 256},
	{Suite(tls.TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA), "ECDHE-RSA-AES256-SHA", 256},
	{Suite(tls.TLS_RSA_WITH_AES_128_GCM_SHA256), "AES128-GCM-SHA256", 128},
	{Suite(tls.TLS_RSA_WITH_AES_256_GCM_SHA384), "AES256-GCM-SHA384", 256},
	{Suite(tls.TLS_RSA_WITH_AES_128_CBC_SHA), "AES128-SHA", 128},
	{Suite(tls.TLS_RSA_WITH_AES_256_CBC_SHA), "AES256-SHA", 256},
	{Suite(tls.TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA), "ECDHE-RSA-DES-CBC3-SHA", 112},
	{Suite(tls.TLS_RSA_WITH_3DES_EDE_CBC_SHA), "DES-CBC3-SHA", 112},
	{Suite(tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256), "ECDHE-ECDSA-AES128-SHA256", 128},
	{Suite(tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256), "ECDHE-RSA-AES128-SHA256", 128},
	{Suite(tls.TLS_RSA_WITH_AES_128_CBC_SHA256), "AES128-SHA256", 128},
}

// UnmarshalText reads an OpenSSL or IANA name. It refuses suites of TLS 1.3,
// which are always enabled.
func (s *Suite) UnmarshalText(text []byte) error {
	for _, n := range suiteNames[len(suite13):] {
		if strings.EqualFold(n.openssl, string(text)) || tls.CipherSuiteName(uint16(n.suite)) == strings.ToUpper(string(text)) {
			*s = n.suite
			return nil
		}
	}
	if strings.HasPrefix(strings.ToUpper(string(text)), "TLS_AES_") || strings.HasPrefix(strings.ToUpper(string(text)), "TLS_CHACHA20_") {
		return fmt.Errorf("%q belongs to TLS 1.3, whose suites are always on; leave it out", text)
	}
	return fmt.Errorf("%q is not a cipher suite that can be served; use OpenSSL's names, such as %s", text, suiteNames[len(suite13)].openssl)
}

// String returns the name that OpenSSL and Postfix use.
func (s Suite) String() string {
	for _, n := range suiteNames {
		if n.suite == s {
			return n.openssl
		}
	}
	return tls.CipherSuiteName(uint16(s))
}

// Bits returns the effective strength of the suite's cipher, or 0 for an
// unknown suite.
func (s Suite) Bits() int {
	for _, n := range suiteNames {
		if n.suite == s {
			return n.bits
		}
	}
	return 0
}
