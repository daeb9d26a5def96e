package tlspolicy

import (
	"crypto/tls"
	"fmt"
	"slices"
	"strings"
)

// Version is a TLS protocol version. Configurations write it as "1.2".
type Version uint16

// The versions that crypto/tls implements. It does not implement SSL 2 and 3.
const (
	VersionTLS10 Version = tls.VersionTLS10
	VersionTLS11 Version = tls.VersionTLS11
	VersionTLS12 Version = tls.VersionTLS12
	VersionTLS13 Version = tls.VersionTLS13
)

var versionNames = []string{"1.0", "1.1", "1.2", "1.3"}

// UnmarshalText reads "1.2", "TLSv1.2" and "TLS 1.2".
func (v *Version) UnmarshalText(text []byte) error {
	short := strings.TrimLeft(strings.TrimPrefix(strings.ToUpper(string(text)), "TLS"), "V ")
	i := slices.Index(versionNames, short)
	if i < 0 {
		return fmt.Errorf("%q is not a TLS version that can be served; write one of %s", text, strings.Join(versionNames, ", "))
	}
	*v = VersionTLS10 + Version(i) //nolint:gosec // an index of four names
	return nil
}

// String returns the name that OpenSSL and Postfix use: TLSv1 for 1.0, then
// TLSv1.1 and so on.
func (v Version) String() string {
	switch {
	case v == VersionTLS10:
		return "TLSv1"
	case v > VersionTLS10 && v <= VersionTLS13:
		return "TLSv" + versionNames[v-VersionTLS10]
	}
	return fmt.Sprintf("TLS(%#04x)", uint16(v))
}

// Group is a key exchange group.
type Group tls.CurveID

var groups1 = []Group{
	Group(tls.X25519MLKEM768), Group(tls.SecP256r1MLKEM768), Group(tls.SecP384r1MLKEM1024),
	Group(tls.X25519), Group(tls.CurveP256), Group(tls.CurveP384),
}

var groups2 = append(slices.Clone(groups1), Group(tls.CurveP521))

// UnmarshalText reads a name such as X25519MLKEM768, X25519 or P-256. Case,
// hyphens and underscores do not matter.
func (g *Group) UnmarshalText(text []byte) error {
	for _, known := range groups2 {
		if strings.EqualFold(plain(known.String()), plain(string(text))) {
			*g = known
			return nil
		}
	}
	return fmt.Errorf("%q is not a key exchange group that can be served; write one of %s", text, join(groups2))
}

// String returns the name that OpenSSL and the standards use.
func (g Group) String() string {
	switch tls.CurveID(g) {
	case tls.CurveP256:
		return "P-256"
	case tls.CurveP384:
		return "P-384"
	case tls.CurveP521:
		return "P-521"
	}
	return tls.CurveID(g).String()
}

// Hybrid reports whether a group combines an elliptic curve with ML-KEM. Such
// groups exist in TLS 1.3 only.
func (g Group) Hybrid() bool {
	switch tls.CurveID(g) {
	case tls.X25519MLKEM768, tls.SecP256r1MLKEM768, tls.SecP384r1MLKEM1024:
		return true
	}
	return false
}

// Classical returns the groups that are not hybrid.
func Classical(groups []Group) []Group {
	return slices.DeleteFunc(slices.Clone(groups), Group.Hybrid)
}

func plain(name string) string {
	return strings.NewReplacer("-", "", "_", "").Replace(name)
}

func join[T fmt.Stringer](values []T) string {
	names := make([]string, len(values))
	for i, v := range values {
		names[i] = v.String()
	}
	return strings.Join(names, ", ")
}
