package tlspolicy

import (
	"crypto/tls"
	"crypto/x509"
	"slices"
)

// Offer is what a ClientHello offers of what a policy can choose from, in
// eight bytes: small enough to be kept with every session. What no policy can
// name is left out. Offers can be compared.
type Offer struct {
	Versions uint8  `json:"versions"` // a bit for each, TLS 1.0 the lowest
	Groups   uint8  `json:"groups"`   // as in offerGroups
	Suites   uint32 `json:"suites"`   // as in offerSuites

	// Fallback says that the client has tried a higher version before and
	// failed (RFC 7507).
	Fallback bool `json:"fallback,omitempty"`
}

// The meaning of the bits, lowest first. Offers are stored: append only.
var (
	offerGroups = slices.Clone(groups2)
	offerSuites = slices.Concat(suite13, suitesA, suitesB, suitesC, suitesD)
)

// OfferOf sums up a ClientHello.
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

// List names what is offered, versions from the lowest, all else in the order
// of the built-in policies.
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

// Refusal is why a policy does not let a client in; empty: it does.
type Refusal string

// The refusals.
const (
	RefusedVersion  Refusal = "version"  // none in common
	RefusedSuite    Refusal = "suite"    // none in common, or none for the certificates' keys
	RefusedGroup    Refusal = "group"    // none in common, and no suite without
	RefusedFallback Refusal = "fallback" // the client could do better, and says that it failed to
)

// Keys are the kinds of key that the server's certificates have.
type Keys struct{ ECDSA, RSA bool }

// BothKeys is a server with certificates for everybody.
var BothKeys = Keys{ECDSA: true, RSA: true}

// Admits reports whether a handshake with a client of that offer would come
// about under the policy, and if not, why. Signature algorithms are not part of
// an offer and are taken to suit.
func (p Policy) Admits(o Offer, keys Keys) (bool, Refusal) {
	_, why := p.Agree(o, keys)
	return why == "", why
}

// Agree foretells what would be negotiated: the version, and for TLS 1.2 and
// below the suite, of which a better one of the same block may be chosen.
func (p Policy) Agree(o Offer, keys Keys) (tls.ConnectionState, Refusal) {
	versions, suites, groups := o.List()
	version := VersionTLS10 - 1
	for _, v := range versions { // the highest counts, there is no way back from it
		if v >= p.Min && v <= p.Max {
			version = v
		}
	}
	common := slices.DeleteFunc(groups, func(g Group) bool {
		return !slices.Contains(p.Groups, g) || version < VersionTLS13 && !classical(g)
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

// agreeSuite chooses for TLS 1.2 and below: the suites come best block first.
func (p Policy) agreeSuite(version Version, suites []Suite, ecdhe bool, keys Keys) (Suite, Refusal) {
	why := RefusedSuite
	for _, s := range suites {
		switch {
		case !slices.Contains(p.Suites, s),
			version < VersionTLS12 && !beforeTLS12(s),
			!(keys.ECDSA && fits(s, x509.ECDSA) || keys.RSA && fits(s, x509.RSA)):
		case ephemeral(s) && !ecdhe:
			why = RefusedGroup
		default:
			return s, ""
		}
	}
	return 0, why
}

// classical reports whether a group exists in TLS 1.2, which has no ML-KEM.
func classical(g Group) bool {
	switch tls.CurveID(g) {
	case tls.X25519MLKEM768, tls.SecP256r1MLKEM768, tls.SecP384r1MLKEM1024:
		return false
	}
	return true
}
