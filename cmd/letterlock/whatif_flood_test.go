package main

import (
	"crypto/tls"
	"os"
	"strings"
	"testing"

	"github.com/letterlock/letterlock/internal/test/loopback"
	"github.com/letterlock/letterlock/internal/whatif"
)

// H8: a client whose handshakes fail in hundreds of ways does not displace the
// entries of others.
func TestH8_WhatIfBehindAFlood(t *testing.T) {
	t.Parallel()
	few := "inventory: {entries: 1000}\n" // the fewest there may be
	w := newWorld(t, strings.Replace(manyClients, "state_dir: state\n", few, 1))
	text := strings.NewReplacer("{host}", loopback.Host(), "{submission}", "192.168.0.1:587", "{smtp}", "192.168.0.1:25").Replace(manyClients)
	if err := os.WriteFile(w.file(), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	conn, err := w.dial(0, func(c *tls.Config) { c.MaxVersion = tls.VersionTLS12 })
	if err != nil {
		t.Fatal(err)
	}
	w.login(conn)
	w.sendPlaintext(1)
	suites := []uint16{
		tls.TLS_RSA_WITH_AES_128_CBC_SHA, tls.TLS_RSA_WITH_AES_256_CBC_SHA, tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA,
		tls.TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA, tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA, tls.TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA,
		tls.TLS_RSA_WITH_3DES_EDE_CBC_SHA,
	}
	for n := 1; n < 1<<len(suites); n++ {
		_, err := w.dial(0, func(c *tls.Config) {
			c.MinVersion, c.MaxVersion, c.CipherSuites = tls.VersionTLS10, tls.VersionTLS11, nil
			for i, suite := range suites {
				if n&(1<<i) != 0 {
					c.CipherSuites = append(c.CipherSuites, suite)
				}
			}
		})
		if err == nil {
			t.Fatal("TLS 1.1 passes")
		}
	}
	full := func(a whatif.Answer) bool {
		return a.Sessions == 1 && len(a.Plaintext) == 1 && len(a.Failures) == 32
	}
	if a := w.eventually(full, "--policy", "newest"); len(a.Refused) != 1 || a.Refused[0].User != "demo" || a.Forgotten != 0 {
		t.Errorf("%+v", a)
	}
}
