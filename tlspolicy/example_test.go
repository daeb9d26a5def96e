package tlspolicy_test

import (
	"crypto/tls"
	"fmt"

	"github.com/letterlock/letterlock/tlspolicy"
)

func ExampleNames() {
	fmt.Println(tlspolicy.Names())
	// Output: [modern strict compat opportunistic opportunistic-wide]
}

// A policy gives a configuration for a server. The caller adds certificates.
func ExamplePolicy_Config() {
	policy, err := tlspolicy.Named("strict")
	if err != nil {
		fmt.Println(err)
		return
	}
	config := policy.Config("imap")
	fmt.Println(tls.VersionName(config.MinVersion), config.NextProtos)
	fmt.Println(tls.CipherSuiteName(config.CipherSuites[0]))
	// Output:
	// TLS 1.2 [imap]
	// TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256
}

// A policy can allow a session that is too weak for a password.
func ExamplePolicy_AuthAllowed() {
	policy, err := tlspolicy.Named("opportunistic")
	if err != nil {
		fmt.Println(err)
		return
	}
	session := &tls.ConnectionState{Version: tls.VersionTLS10, CipherSuite: tls.TLS_RSA_WITH_AES_128_CBC_SHA}
	fmt.Println("mail:", policy.Allows(session), "login:", policy.AuthAllowed(session))
	// Output: mail: true login: false
}

// Admits predicts whether a policy would refuse a client, and why.
func ExamplePolicy_Admits() {
	oldPrinter := tlspolicy.OfferOf([]uint16{tls.VersionTLS10}, []uint16{tls.TLS_RSA_WITH_AES_128_CBC_SHA}, nil)
	for _, name := range []string{"strict", "opportunistic"} {
		policy, err := tlspolicy.Named(name)
		if err != nil {
			fmt.Println(err)
			return
		}
		ok, why := policy.Admits(oldPrinter, tlspolicy.BothKeys)
		fmt.Printf("%s: %v %s\n", name, ok, why)
	}
	// Output:
	// strict: false version
	// opportunistic: true
}

func ExampleDescribe() {
	fmt.Println(tlspolicy.Describe(&tls.ConnectionState{Version: tls.VersionTLS13, CipherSuite: tls.TLS_AES_128_GCM_SHA256}))
	// Output: TLSv1.3 with cipher TLS_AES_128_GCM_SHA256 (128/128 bits)
}

// The rules for a legacy backend whose certificate no authority has issued.
func ExampleBackendTLS() {
	var pin tlspolicy.Pin
	if err := pin.UnmarshalText([]byte("sha256/47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=")); err != nil {
		fmt.Println(err)
		return
	}
	config := tlspolicy.BackendTLS{Min: tlspolicy.VersionTLS10, Pins: []tlspolicy.Pin{pin}}.Config("legacy.lan")
	fmt.Println(tls.VersionName(config.MinVersion), config.ServerName)
	// Output: TLS 1.0 legacy.lan
}
