package app

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/letterlock/letterlock/internal/certs"
	"github.com/letterlock/letterlock/internal/scan"
	"github.com/letterlock/letterlock/tlspolicy"
)

// servedAt describes what one listener should serve.
type servedAt struct {
	service   Service
	key       string // configs.Served.Key
	store     *certs.Store
	files     int  // so many certificates of the store, its first ones, are from files
	keysStay  bool // the keys of the others have TLSA records, and must not go back
	inspect   certs.Inspection
	seen      []seenCertificate
	unreached error // why the listener could not be reached; nil: it was
}

// seenCertificate is the result of one handshake.
type seenCertificate struct {
	name    string          // that the client asked for; empty: none
	cert    tls.Certificate // that was presented; without a Leaf if the handshake failed
	problem string          // why clients refuse it; empty: they accept it
	failed  bool            // the handshake failed
	note    string
}

// servedCheckWait bounds one handshake, after the pause before a greeting.
const servedCheckWait = 10 * time.Second

// look makes handshakes with a listener: without a name and with each name of its share,
// and where a name has certificates with keys of both kinds, with each kind.
func (s *servedCheck) look(ctx context.Context, g *generation, plan *servedPlan, service Service, address net.Addr, in certs.Inspection) servedAt {
	key := service.tls.served
	at := servedAt{
		service: service, key: key, store: g.stores.of(service), files: plan.files[key], inspect: in,
		keysStay: g.acme != nil && g.acme.rollover != nil,
	}
	ip := addressOf(address).Addr()
	hidden := slices.ContainsFunc(service.mail.hideSTARTTLS, func(p netip.Prefix) bool { return p.Contains(ip) })
	if hidden && !service.Implicit {
		return at // STARTTLS is not offered to this machine
	}
	names := plan.share(key)
	if !service.tls.scope.StrictSNI {
		names = append([]string{""}, names...)
	}
	for _, name := range names {
		for _, rules := range at.offers(name) {
			seen, err := s.handshake(ctx, at, address, name, rules)
			if err != nil {
				at.unreached = err
				return at
			}
			at.seen = append(at.seen, seen)
		}
	}
	return at
}

// offers returns what clients offer: all that the policy accepts, and if there are
// certificates with keys of both kinds, what selects the RSA key.
func (at servedAt) offers(name string) []*tls.Config {
	policy := at.service.tls.policy
	offers := []*tls.Config{policy.Config()}
	var keys tlspolicy.Keys
	for _, c := range at.store.For(name) {
		rsa := certs.IsRSA(c.Leaf)
		keys.RSA, keys.ECDSA = keys.RSA || rsa, keys.ECDSA || !rsa
	}
	if keys == tlspolicy.BothKeys && policy.Min <= tlspolicy.VersionTLS12 {
		policy.Max = tlspolicy.VersionTLS12
		policy.Suites = slices.DeleteFunc(slices.Clone(policy.Suites), func(s tlspolicy.Suite) bool { return strings.Contains(s.String(), "ECDSA") })
		offers = append(offers, policy.Config())
	}
	return offers
}

// handshake makes one handshake and judges it. The error says that the listener could not
// be reached.
func (s *servedCheck) handshake(ctx context.Context, at servedAt, address net.Addr, name string, rules *tls.Config) (seenCertificate, error) {
	seen := seenCertificate{name: name}
	target := scan.Target{
		Service: at.service.Name, Protocol: at.service.Protocol, Address: addressOf(address).String(), Host: name, Implicit: at.service.Implicit,
	}
	o := scan.Options{Timeout: at.service.pause + servedCheckWait, Dial: s.self.dial}
	state, err := scan.Handshake(ctx, target, o, rules)
	if failed, ok := errors.AsType[*scan.HandshakeError](err); ok {
		seen.failed, seen.problem = true, failed.Error()
		return seen, nil
	}
	if err != nil {
		return seen, err
	}
	seen.cert = certs.Presented(state.PeerCertificates)
	in := at.inspect
	if certs.IsSelfSigned(seen.cert.Leaf) && !at.fromFile(seen.cert) {
		in.Roots = nil // Letterlock has made it, because there is no other one
	}
	seen.problem = in.Refusal(seen.cert, name)
	if certs.LacksTimestamps(&state) {
		seen.note = "the certificate has no signed certificate timestamp (RFC 6962), which some clients, such as Apple's, demand of public authorities"
	}
	return seen, nil
}

// addressOf returns the address at which this machine reaches a socket: loopback if it
// listens on all addresses.
func addressOf(address net.Addr) netip.AddrPort {
	tcp, ok := address.(*net.TCPAddr)
	if !ok {
		return netip.AddrPort{}
	}
	ap := tcp.AddrPort()
	switch a := ap.Addr().Unmap(); {
	case a == netip.IPv4Unspecified(), a == netip.IPv6Unspecified():
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), ap.Port()) // sockets of [::] accept IPv4 too
	default:
		return netip.AddrPortFrom(a, ap.Port())
	}
}

// fromFile reports whether a certificate is from a file.
func (at servedAt) fromFile(c tls.Certificate) bool {
	all := at.store.Certificates()
	return slices.ContainsFunc(all[:min(at.files, len(all))], func(other tls.Certificate) bool { return sameLeaf(other, c) })
}

// refused lists the certificates that clients refuse.
func (at servedAt) refused() (all []tls.Certificate) {
	for _, seen := range at.seen {
		if seen.problem != "" {
			all = append(all, at.blamed(seen)...)
		}
	}
	return all
}

// blamed lists the certificates of the store that have the problem of a handshake: the one
// that was presented, or all for the name if none was.
func (at servedAt) blamed(seen seenCertificate) []tls.Certificate {
	if seen.failed {
		return at.store.For(seen.name)
	}
	return slices.DeleteFunc(slices.Clone(at.store.Certificates()), func(c tls.Certificate) bool { return !sameLeaf(c, seen.cert) })
}

// substitute returns the accepted certificate that a new one has replaced, if clients
// accept it still. Without a handshake the new one may have a key of another type.
func (at servedAt) substitute(accepted []tls.Certificate, bad tls.Certificate, seen seenCertificate) (instead tls.Certificate, ok bool) {
	if at.keysStay && !at.fromFile(bad) || slices.ContainsFunc(accepted, func(c tls.Certificate) bool { return sameLeaf(c, bad) }) {
		return instead, false
	}
	i := slices.IndexFunc(accepted, func(c tls.Certificate) bool {
		shared := slices.ContainsFunc(c.Leaf.DNSNames, func(n string) bool { return n == seen.name || slices.Contains(bad.Leaf.DNSNames, n) })
		sameKind := seen.failed || c.Leaf.PublicKeyAlgorithm == bad.Leaf.PublicKeyAlgorithm
		return shared && sameKind && !serves(at.store, c) && at.inspect.Refusal(c, seen.name) == ""
	})
	if i < 0 {
		return instead, false
	}
	return accepted[i], true
}
