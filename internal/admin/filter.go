package admin

import (
	"fmt"
	"net/netip"
	"net/url"
	"strings"

	"github.com/letterlock/letterlock/internal/observe"
	"github.com/letterlock/letterlock/tlspolicy"
)

// Filter selects sessions: those that have all properties that are set.
type Filter struct {
	ID      string
	User    string // in any case
	Client  netip.Prefix
	Service string
	Policy  string
	TLS     string // as Session.TLS
	Backend string
}

// FilterKeys are the names of the parameters of a Filter, in requests and as flags.
var FilterKeys = []string{"id", "user", "client", "service", "policy", "tls", "backend"}

// ParseFilter reads a filter from the parameters of a request.
func ParseFilter(v url.Values) (f Filter, err error) {
	f = Filter{
		ID: v.Get("id"), User: v.Get("user"), Service: v.Get("service"), Policy: v.Get("policy"), Backend: v.Get("backend"),
	}
	if text := v.Get("client"); text != "" {
		if f.Client, err = parseClient(text); err != nil {
			return Filter{}, err
		}
	}
	if text := v.Get("tls"); text != "" {
		if f.TLS, err = parseTLS(text); err != nil {
			return Filter{}, err
		}
	}
	return f, nil
}

// parseClient reads an address or a network.
func parseClient(text string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(text); err == nil {
		a = a.Unmap().WithZone("")
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	p, err := netip.ParsePrefix(text)
	if err != nil {
		return p, fmt.Errorf("client %q is neither an address nor a network such as 192.0.2.0/24", text)
	}
	return p.Masked(), nil
}

// parseTLS reads a version, such as 1.2 or TLSv1.2, or none.
func parseTLS(text string) (string, error) {
	if strings.EqualFold(text, NoTLS) {
		return NoTLS, nil
	}
	var v tlspolicy.Version
	if v = tlspolicy.VersionTLS10; strings.EqualFold(text, v.String()) { // TLSv1, without its minor version
		return v.String(), nil
	}
	if err := v.UnmarshalText([]byte(text)); err != nil {
		return "", fmt.Errorf("tls %q: write 1.0, 1.1, 1.2, 1.3 or none", text)
	}
	return v.String(), nil
}

// Empty reports whether the filter selects all sessions.
func (f Filter) Empty() bool { return f == Filter{} }

// Matches reports whether the filter selects a session.
func (f Filter) Matches(o *observe.Open) bool {
	return (f.ID == "" || f.ID == o.ID) &&
		(f.User == "" || strings.EqualFold(f.User, o.User)) &&
		(!f.Client.IsValid() || f.Client.Contains(o.Client.Addr().Unmap().WithZone(""))) &&
		(f.Service == "" || f.Service == o.Listener.Service) &&
		(f.Policy == "" || f.Policy == o.Policy) &&
		(f.TLS == "" || f.TLS == versionOf(o)) &&
		(f.Backend == "" || f.Backend == o.Backend)
}

func versionOf(o *observe.Open) string {
	if o.TLS == nil {
		return NoTLS
	}
	return tlspolicy.Version(o.TLS.Version).String()
}
