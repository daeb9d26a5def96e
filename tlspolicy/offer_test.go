package tlspolicy_test

import (
	"crypto/tls"
	"errors"
	"slices"
	"testing"

	"github.com/letterlock/letterlock/internal/certs"
	"github.com/letterlock/letterlock/internal/test/authority"
	"github.com/letterlock/letterlock/tlspolicy"
)

// errStop ends a handshake once the ClientHello has been read.
var errStop = errors.New("stop")

// offerOf returns the offer that crypto/tls reads from a ClientHello.
func offerOf(t *testing.T, h hello) tlspolicy.Offer {
	t.Helper()
	var o tlspolicy.Offer
	read := false
	_, _ = ask(&tls.Config{GetConfigForClient: func(info *tls.ClientHelloInfo) (*tls.Config, error) {
		read = true
		o = tlspolicy.OfferOf(info.SupportedVersions, info.CipherSuites, info.SupportedCurves)
		return nil, errStop
	}}, h.record())
	if !read {
		t.Fatalf("%+v was not understood", h)
	}
	return o
}

// hellos returns the ClientHellos of old and new clients, and some that no
// client sends.
func hellos() []hello {
	var all []hello
	offers := [][]uint16{
		{tls.TLS_AES_128_GCM_SHA256},
		{tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256},
		{tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384},
		{tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA, tls.TLS_RSA_WITH_AES_128_CBC_SHA},
		{tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA},
		{tls.TLS_RSA_WITH_AES_128_GCM_SHA256},
		{tls.TLS_RSA_WITH_AES_256_CBC_SHA, tls.TLS_RSA_WITH_3DES_EDE_CBC_SHA},
		{tls.TLS_RSA_WITH_3DES_EDE_CBC_SHA},
		{tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256},
		{tls.TLS_RSA_WITH_RC4_128_SHA},
		{tls.TLS_AES_256_GCM_SHA384, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA, tls.TLS_RSA_WITH_AES_128_CBC_SHA},
		{tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA, tls.TLS_FALLBACK_SCSV},
		{},
	}
	groups := [][]uint16{nil, {uint16(tls.X25519MLKEM768)}, {uint16(tls.CurveP521)}, {uint16(tls.CurveP256), uint16(tls.X25519MLKEM768)}, {21}}
	for _, version := range versions[1:] {
		for _, suites := range offers {
			for _, g := range groups {
				all = append(all, hello{version: version, suites: suites, groups: g})
			}
		}
	}
	return all
}

// TestAdmitsAsRealHandshakes compares the prediction of Admits with handshakes
// of crypto/tls, for ECDSA and RSA certificates.
func TestAdmitsAsRealHandshakes(t *testing.T) {
	ca := authority.New(t)
	ecdsa, rsa := ca.ECDSA(t, "mail.example.com"), ca.RSA(t, "mail.example.com")
	admitted, refused := 0, map[tlspolicy.Refusal]int{}
	for _, served := range []struct {
		keys  tlspolicy.Keys
		store *certs.Store
	}{
		{tlspolicy.BothKeys, certs.NewStore([]tls.Certificate{ecdsa, rsa})},
		{tlspolicy.Keys{ECDSA: true}, certs.NewStore([]tls.Certificate{ecdsa})},
		{tlspolicy.Keys{RSA: true}, certs.NewStore([]tls.Certificate{rsa})},
	} {
		for _, p := range policies(t) {
			config := p.Config()
			config.GetCertificate = served.store.Get(p)
			for _, h := range hellos() {
				a, err := ask(config, h.record())
				ok, why := p.Admits(offerOf(t, h), served.keys)
				if ok != (err == nil && a.alert == 0) {
					t.Errorf("%s with %+v: %+v is admitted: %v (%s); the server says %+v, %v", p.Name, served.keys, h, ok, why, a, err)
				}
				if state, _ := p.Agree(offerOf(t, h), served.keys); ok && (state.Version != a.version || p.AuthAllowed(&state) != p.AuthAllowed(&tls.ConnectionState{Version: a.version, CipherSuite: a.suite})) {
					t.Errorf("%s: %+v was to agree on %#x and %#x, not %+v", p.Name, h, state.Version, state.CipherSuite, a)
				}
				if refused[why]++; ok {
					admitted++
				}
			}
		}
	}
	for _, why := range []tlspolicy.Refusal{tlspolicy.RefusedVersion, tlspolicy.RefusedSuite, tlspolicy.RefusedGroup, tlspolicy.RefusedFallback} {
		if refused[why] == 0 || admitted == 0 {
			t.Errorf("no client was refused for %s; %d were admitted", why, admitted)
		}
	}
}

// policies returns the built-in policies and a custom one.
func policies(t *testing.T) []tlspolicy.Policy {
	t.Helper()
	var all []tlspolicy.Policy
	for _, name := range tlspolicy.Names() {
		p, err := tlspolicy.Named(name)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	own := all[2]
	own.Name, own.Min, own.Max = "own", tlspolicy.VersionTLS11, tlspolicy.VersionTLS12
	own.Groups = []tlspolicy.Group{tlspolicy.Group(tls.X25519), tlspolicy.Group(tls.CurveP384)}
	return append(all, own)
}

// Offers are stored, so the meaning of their bits must never change.
func TestOffersKeepTheirMeaning(t *testing.T) {
	for _, c := range []struct {
		got, want tlspolicy.Offer
	}{
		{tlspolicy.OfferOf([]uint16{tls.VersionTLS13, tls.VersionTLS10, 0x0a0a}, nil, nil), tlspolicy.Offer{Versions: 0b1001}},
		{tlspolicy.OfferOf(nil, []uint16{tls.TLS_AES_128_GCM_SHA256, tls.TLS_RSA_WITH_AES_128_CBC_SHA256, tls.TLS_RSA_WITH_AES_128_GCM_SHA256}, nil), tlspolicy.Offer{Suites: 1 | 1<<13 | 1<<21}},
		{tlspolicy.OfferOf(nil, []uint16{tls.TLS_FALLBACK_SCSV}, []tls.CurveID{tls.X25519MLKEM768, tls.CurveP521, 0x0a0a}), tlspolicy.Offer{Groups: 1 | 1<<6, Fallback: true}},
	} {
		if c.got != c.want {
			t.Errorf("%+v, not %+v", c.got, c.want)
		}
	}
	versions, suites, groups := tlspolicy.Offer{Versions: 0b1100, Suites: 0b1000, Groups: 0b1000}.List()
	if !slices.Equal(versions, []tlspolicy.Version{tlspolicy.VersionTLS12, tlspolicy.VersionTLS13}) ||
		suites[0].String() != "ECDHE-ECDSA-AES128-GCM-SHA256" || groups[0].String() != "X25519" {
		t.Error(versions, suites, groups)
	}
}
