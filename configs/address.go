package configs

import (
	"errors"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

var (
	errNoPort       = errors.New("has no port")
	errPort         = errors.New("has no port between 0 and 65535")
	errPortZero     = errors.New("has no port between 1 and 65535")
	errNotAddress   = errors.New("has a name, but a listener is bound to an address of this machine")
	errNoBrackets   = errors.New("is an IPv6 address: it needs brackets, and a port after them")
	errAmbiguous    = errors.New("is a complete IPv6 address, but may be meant as a shorter address and a port")
	errNoHost       = errors.New("has no host")
	errBackendHost  = errors.New("has a host that is neither a name nor an address")
	errUnixRelative = errors.New("has a socket path that does not begin with /")
	errUnixLong     = errors.New("has a socket path longer than the kernel's maximum of 107 bytes")
	errBackendForm  = errors.New("is not host:port (an IPv6 address with a port needs brackets)")
)

// listenAddress is the address that a listener is bound to. An empty host means
// every address of the machine, IPv4 and IPv6.
type listenAddress struct {
	host netip.Addr
	port int
}

// parseListen parses :25, 192.0.2.1:25 or [2001:db8::1]:25. With port 0 the
// kernel chooses the port.
func parseListen(s string) (listenAddress, error) {
	host, port, err := net.SplitHostPort(s)
	if ip, bare := netip.ParseAddr(s); bare == nil && ip.Is6() {
		return listenAddress{}, errNoBrackets
	}
	if err != nil {
		return listenAddress{}, errNoPort
	}
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return listenAddress{}, errPort
	}
	address := listenAddress{port: int(number)}
	if host == "" {
		return address, nil
	}
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return listenAddress{}, errNotAddress
	}
	if !ip.IsUnspecified() {
		address.host = ip.Unmap()
	}
	return address, nil
}

// ListenAddresses returns the addresses of all listeners. An unspecified
// address means every address of the machine.
func (c *Config) ListenAddresses() []netip.AddrPort {
	var all []netip.AddrPort
	for _, l := range c.Listeners {
		a, err := parseListen(l.Listen)
		if err != nil {
			continue // the checks have reported it
		}
		if !a.host.IsValid() {
			a.host = netip.IPv6Unspecified()
		}
		all = append(all, netip.AddrPortFrom(a.host, uint16(a.port))) //nolint:gosec // parseListen has bounded it
	}
	return all
}

// overlaps reports whether the kernel would refuse to bind both. An unspecified
// address is bound for both families, so it overlaps with every other.
func (a listenAddress) overlaps(b listenAddress) bool {
	if a.port != b.port || a.port == 0 {
		return false
	}
	return !a.host.IsValid() || !b.host.IsValid() || a.host == b.host
}

// reaches reports whether a connection to host and port of this machine would
// reach the listener.
func (a listenAddress) reaches(host string, port int) bool {
	if a.port != port || port == 0 {
		return false
	}
	ip, err := netip.ParseAddr(host)
	switch {
	case strings.EqualFold(host, "localhost"):
		return !a.host.IsValid() || a.host.IsLoopback()
	case err != nil:
		return false
	case !a.host.IsValid():
		return ip.IsLoopback() || ip.IsUnspecified()
	default:
		return a.host == ip.Unmap()
	}
}

// unixPath returns the path of a socket without unix:.
func unixPath(backend string) (string, bool) {
	return strings.CutPrefix(backend, "unix:")
}

func isSocket(backend string) bool {
	_, socket := unixPath(backend)
	return socket
}

// completeBackend checks a backend and adds the port if there is only a host:
// legacy becomes legacy:143.
func completeBackend(backend string, defaultPort int) (string, error) {
	if path, ok := unixPath(backend); ok {
		return backend, legalSocket(path)
	}
	if bracketsLost(backend) {
		return backend, errAmbiguous
	}
	if _, err := netip.ParseAddr(backend); err == nil || !strings.Contains(backend, ":") {
		return withPort(backend, strconv.Itoa(defaultPort))
	}
	if inner, ok := strings.CutPrefix(backend, "["); ok && strings.HasSuffix(inner, "]") {
		return withPort(strings.TrimSuffix(inner, "]"), strconv.Itoa(defaultPort))
	}
	host, port, err := net.SplitHostPort(backend)
	if err != nil {
		return backend, errBackendForm
	}
	return withPort(host, port)
}

// bracketsLost reports whether an IPv6 address is probably meant as a shorter
// one with a port: fd00::5:143 is an address, but [fd00::5]:143 is meant.
func bracketsLost(text string) bool {
	colon := strings.LastIndexByte(text, ':')
	if colon < 0 {
		return false
	}
	_, err := netip.ParseAddr(text)
	head, short := netip.ParseAddr(text[:colon])
	port, digits := strconv.Atoi(text[colon+1:])
	return err == nil && short == nil && head.Is6() && digits == nil && portOfMail(port)
}

// portOfMail reports whether a mail or DNS server is likely to be on a port.
func portOfMail(port int) bool {
	return slices.Contains([]int{24, 53, 1025, 1143, 2525, 5353, 10024, 10026}, port) ||
		slices.ContainsFunc(services, func(f serviceFacts) bool { return f.port == port || f.backendPort == port })
}

// withPort joins and checks host and port. A host such as 300.1.2.3, which
// looks like an address but is not valid, is an error, because resolvers differ
// on it.
func withPort(host, port string) (string, error) {
	host = foldHost(host)
	backend := net.JoinHostPort(host, port)
	if number, err := strconv.ParseUint(port, 10, 16); err != nil || number == 0 {
		return backend, errPortZero
	}
	if host == "" {
		return backend, errNoHost
	}
	_, err := netip.ParseAddr(host)
	if err != nil && (addressLike(host) || !legalHost(host)) {
		return backend, errBackendHost
	}
	return backend, nil
}

// legalHost permits more than legalDomain: names from Docker and in hosts files
// have underscores, and a root dot stops the search list.
func legalHost(name string) bool {
	return legalDomain(strings.TrimSuffix(strings.ReplaceAll(name, "_", "x"), ".")) == nil
}

// legalSocket checks the length of sun_path, whose 108 bytes include the final
// zero (unix(7)).
func legalSocket(path string) error {
	switch {
	case !strings.HasPrefix(path, "/") || strings.ContainsRune(path, 0):
		return errUnixRelative
	case len(path) > 107:
		return errUnixLong
	}
	return nil
}

// shared is the address space that carriers and private overlays use internally
// (RFC 6598).
var shared = netip.MustParsePrefix("100.64.0.0/10")

// PublicHost reports whether packets to the host may cross networks of other
// parties. For a name it reports false, because the address behind it is
// unknown here.
func PublicHost(host string) bool {
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return false
	}
	ip = ip.Unmap()
	return !(ip.IsLoopback() || ip.IsPrivate() || ip.IsLinkLocalUnicast() || ip.IsUnspecified() || shared.Contains(ip.WithZone("")))
}
