package tlspolicy

import (
	"crypto/tls"
	"crypto/x509"
	"slices"
)

// Offer summarises a ClientHello: the versions, suites and groups in it that a
// policy can name. It has eight bytes, so that every session can keep one. Two
// Offers can be compared with ==.
type Offer struct {
	Versions uint8  `json:"versions"` // a bit for each version; TLS 1.0 is the lowest
	Groups   uint8  `json:"groups"`   // a bit for each of offerGroups
	Suites   uint32 `json:"suites"`   // a bit for each of offerSuites

	// Fallback reports that the client has tried a higher version before, and
	// failed (RFC 7507).
	Fallback bool `json:"fallback,omitempty"`
}

// The meaning of the bits, lowest first. Offers are stored in files, so that
// these lists may only grow at their ends.
var (
	offerGroups = slices.Clone(groups2)
	offerSuites = slices.Concat(suite13, suitesA, suitesB, suitesC, suitesD)
)

// OfferOf returns the Offer of a ClientHello.
func OfferOf(versions, suites []uint16, groups []tls.CurveID) Offer {
	var o Offer
	for i := range versionNames {
		if slices.Contains(versions, tls.VersionTLS10+uint16(i)) {
			o.Versions |= 1 << i
		}
	}
	for i, g := range offerGroups {
		if slices.Contains(groups, tls.CurveID(g)) {
			o.Groups |= 1 << i
		}
	}
	for i, s := range offerSuites {
		if slices.Contains(suites, uint16(s)) {
			o.Suites |= 1 << i
		}
	}
	o.Fallback = slices.Contains(suites, tls.TLS_FALLBACK_SCSV)
	return o
}

// List returns what is offered: versions from the lowest, suites and groups in
// the order of the built-in policies.
func (o Offer) List() (versions []Version, suites []Suite, groups []Group) {
	for i := range versionNames {
		if o.Versions&(1<<i) != 0 {
			versions = append(versions, VersionTLS10+Version(i))
		}
	}
	for i, s := range offerSuites {
		if o.Suites&(1<<i) != 0 {
			suites = append(suites, s)
		}
	}
	for i, g := range offerGroups {
		if o.Groups&(1<<i) != 0 {
			groups = append(groups, g)
		}
	}
	return versions, suites, groups
}

// Refusal is the reason for which a handshake fails under a policy. The empty
// Refusal stands for a handshake that succeeds.
type Refusal string

// The refusals.
const (
	RefusedVersion  Refusal = "version"  // no version in common
	RefusedSuite    Refusal = "suite"    // no suite in common that works with the certificates' keys
	RefusedGroup    Refusal = "group"    // no group in common, and no suite that needs none
	RefusedFallback Refusal = "fallback" // the client fell back to an older version without need
)

// Keys says which kinds of key the server's certificates have.
type Keys struct{ ECDSA, RSA bool }

// BothKeys stands for a server with certificates of both kinds.
var BothKeys = Keys{ECDSA: true, RSA: true}

// Admits reports whether a handshake with a client of that offer would succeed
// under the policy, and if not, why. An offer does not hold signature
// algorithms; Admits assumes that they suit.
func (p Policy) Admits(o Offer, keys Keys) (bool, Refusal) {
	_, why := p.Agree(o, keys)
	return why == "", why
}

// Agree predicts what a handshake would negotiate: the version and the suite.
// In TLS 1.2 and below the handshake may choose a better suite of the same
// block.
func (p Policy) Agree(o Offer, keys Keys) (tls.ConnectionState, Refusal) {
	versions, suites, groups := o.List()
	version := VersionTLS10 - 1
	for _, v := range versions { // a server always takes the highest
		if v >= p.Min && v <= p.Max {
			version = v
		}
	}
	common := slices.DeleteFunc(groups, func(g Group) bool {
		return !slices.Contains(p.Groups, g) || version < VersionTLS13 && g.Hybrid()
	})
	state := tls.ConnectionState{Version: uint16(version)}
	switch {
	case version < p.Min:
		return state, RefusedVersion
	case o.Fallback && versions[len(versions)-1] < p.Max:
		return state, RefusedFallback
	case version < VersionTLS13:
		suite, why := p.agreeSuite(version, suites, len(common) > 0, keys)
		state.CipherSuite = uint16(suite)
		return state, why
	case !slices.ContainsFunc(suites, func(s Suite) bool { return slices.Contains(suite13, s) }):
		return state, RefusedSuite
	case len(common) == 0:
		return state, RefusedGroup
	}
	state.CipherSuite = uint16(suites[0])
	return state, ""
}

// agreeSuite chooses a suite of TLS 1.2 or below. The suites must be in the
// order of their blocks, the best first.
func (p Policy) agreeSuite(version Version, suites []Suite, ecdhe bool, keys Keys) (Suite, Refusal) {
	why := RefusedSuite
	for _, s := range suites {
		switch {
		case !slices.Contains(p.Suites, s),
			version < VersionTLS12 && !s.BeforeTLS12(),
			!(keys.ECDSA && fits(s, x509.ECDSA) || keys.RSA && fits(s, x509.RSA)):
		case ephemeral(s) && !ecdhe:
			why = RefusedGroup
		default:
			return s, ""
		}
	}
	return 0, why
}
