package proxy

import (
	"crypto/tls"
	"net"
	"runtime"
	"testing"
	"time"

	"github.com/letterlock/letterlock/internal/test/authority"
	"github.com/letterlock/letterlock/tlspolicy"
	"github.com/letterlock/letterlock/tlspolicy/tickets"
)

// TLS 1.2 uses P-256 where both sides have it and X25519, and TLS 1.3 makes no
// extra round trip for it.
func TestGroups(t *testing.T) {
	t.Parallel()
	if runtime.GOARCH != "amd64" {
		t.Skip("P-256 is not preferred")
	}
	const x25519, p256, p384, hybrid = tls.X25519, tls.CurveP256, tls.CurveP384, tls.X25519MLKEM768
	certificates := []tls.Certificate{authority.New(t).RSA(t, "localhost")}
	for _, tt := range []struct {
		name    string
		server  []tls.CurveID
		client  []tls.CurveID
		version uint16
		want    tls.CurveID
	}{
		{"both", []tls.CurveID{hybrid, x25519, p256}, []tls.CurveID{x25519, p256}, tls.VersionTLS12, p256},
		{"a third", []tls.CurveID{x25519, p256, p384}, []tls.CurveID{x25519, p384, p256}, tls.VersionTLS12, p256},
		{"a client without P-256", []tls.CurveID{x25519, p256}, []tls.CurveID{x25519}, tls.VersionTLS12, x25519},
		{"a client with P-384 instead", []tls.CurveID{x25519, p256, p384}, []tls.CurveID{x25519, p384}, tls.VersionTLS12, x25519},
		{"a policy without P-256", []tls.CurveID{x25519, p384}, []tls.CurveID{x25519, p256}, tls.VersionTLS12, x25519},
		{"a policy without X25519", []tls.CurveID{p256, p384}, []tls.CurveID{x25519, p384}, tls.VersionTLS12, p384},
		{"TLS 1.3", []tls.CurveID{hybrid, x25519, p256}, []tls.CurveID{x25519, p256}, tls.VersionTLS13, x25519},
		{"TLS 1.3 with a hybrid group", []tls.CurveID{hybrid, x25519, p256}, []tls.CurveID{hybrid, x25519, p256}, tls.VersionTLS13, hybrid},
	} {
		t.Run(tt.name, func(t *testing.T) {
			config := &tls.Config{Certificates: certificates, CurvePreferences: tt.server, MinVersion: tls.VersionTLS12, MaxVersion: tls.VersionTLS13}
			newKeyRing().add(t, config)
			state := shake(t, keepingOffers(config), &tls.Config{InsecureSkipVerify: true, CurvePreferences: tt.client, MaxVersion: tt.version})
			if state.CurveID != tt.want || state.Version != tt.version || state.HelloRetryRequest {
				t.Errorf("%v in %#x, want %v; another round trip: %t", state.CurveID, state.Version, tt.want, state.HelloRetryRequest)
			}
		})
	}
}

// A session of TLS 1.2 over P-256 is resumed, and no longer when the ticket keys
// have changed.
func TestGroupsFollowTicketKeys(t *testing.T) {
	t.Parallel()
	config := tlspolicy.Policy{Min: tlspolicy.VersionTLS12, Max: tlspolicy.VersionTLS12, Suites: []tlspolicy.Suite{tlspolicy.Suite(tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256)},
		Groups: []tlspolicy.Group{tlspolicy.Group(tls.X25519), tlspolicy.Group(tls.CurveP256)}}.Config()
	config.Certificates = []tls.Certificate{authority.New(t).RSA(t, "localhost")}
	keys := newKeyRing()
	keys.add(t, config)
	offered := keepingOffers(config)
	client := &tls.Config{InsecureSkipVerify: true, ServerName: "localhost", ClientSessionCache: tls.NewLRUClientSessionCache(1)}
	for i, want := range []bool{false, true, true} {
		if state := shake(t, offered, client); state.DidResume != want {
			t.Errorf("handshake %d: resumed: %t", i, state.DidResume)
		}
	}
	if err := keys.Use(tickets.Random(), time.Now()); err != nil {
		t.Fatal(err)
	}
	if shake(t, offered, client).DidResume {
		t.Error("a ticket of the old key is accepted")
	}
}

type keyRing struct{ *tickets.Ring }

func newKeyRing() keyRing {
	return keyRing{tickets.NewRing(tickets.Random())}
}

func (r keyRing) add(t *testing.T, config *tls.Config) {
	t.Helper()
	if err := r.Add("imaps", config, time.Now()); err != nil {
		t.Fatal(err)
	}
}

// shake makes a handshake, and returns the server's state after it.
func shake(t *testing.T, server, client *tls.Config) tls.ConnectionState {
	t.Helper()
	ours, theirs := net.Pipe()
	ended := make(chan struct{})
	defer func() {
		_ = ours.Close()
		<-ended
	}()
	go func() {
		defer close(ended)
		defer func() { _ = theirs.Close() }()
		c := tls.Client(theirs, client)
		_, _ = c.Read(make([]byte, 1)) // the handshake, and the tickets of TLS 1.3
	}()
	s := tls.Server(ours, server)
	if err := s.Handshake(); err != nil {
		t.Fatal(err)
	}
	return s.ConnectionState()
}
