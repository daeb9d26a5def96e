package app

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/letterlock/letterlock/configs"
	"github.com/letterlock/letterlock/internal/certs"
	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/idle"
	"github.com/letterlock/letterlock/internal/nexthop"
	"github.com/letterlock/letterlock/internal/resolver"
	"github.com/letterlock/letterlock/internal/sts"
	"github.com/letterlock/letterlock/internal/upstream"
	"github.com/letterlock/letterlock/proxy"
	"github.com/letterlock/letterlock/smtp/smarthost"
	"github.com/letterlock/letterlock/tlspolicy/outbound"
)

// The limits of a smarthost.
const (
	maxOutRecipients = 1000 // of a transaction
	maxOutSessions   = 2000 // TLS sessions that can be resumed
)

// newSmarthost creates the listener of a smarthost, whose gate finds the
// servers of each recipient.
func newSmarthost(c *configs.Config, l Service, store *certs.Store, backends *pools, m *maintenance) (*proxy.Listener, error) {
	finder, err := m.finderOf(c, backends)
	if err != nil {
		return nil, err
	}
	table, err := m.devicesOf(c)
	if err != nil {
		return nil, err
	}
	s := c.Smarthost
	o := smarthost.Options{
		Name: s.EHLOName, Finder: finder, TLS: l.tls.offered,
		Message: s.MaxMessage, Recipients: maxOutRecipients, Received: l.mail.options.Received,
	}
	o.Connections = m.connectionsOf(s.KeepConnections)
	if s.TLSRequiredNo {
		o.Lenient = m.lenientFinder(finder)
	}
	if s.TLSRPT != nil {
		reports, err := m.reporterOf(c, finder)
		if err != nil {
			return nil, err
		}
		o.TLSResult = reports.result
	}
	listener := &proxy.Listener{
		Service: l.Name, Address: l.Address, Banner: l.banner,
		Implicit: l.Implicit, Outbound: true, Backend: &upstream.Pool{Name: "MX"},
		NewGate: func(session *gate.Session) proxy.Gate {
			o := o
			admit(&o, session.Client.Addr(), s.Admits, table)
			o.Observer = m.observerOf(deliveryLog{m.log, session.ID, l.Name, m.outbound})
			return smarthost.New(session, o)
		},
	}
	if !l.tls.offered {
		return listener, nil
	}
	return listener, m.secure(listener, l.tls, store)
}

// The limits of kept connections, besides the time between two messages.
const (
	maxKeptAge      = 5 * time.Minute
	maxKeptMessages = 100
	maxKeptAddress  = 10 // to an address
	maxKept         = 100
)

// connectionsOf returns the kept connections of all smarthosts of a generation; nil:
// none are kept.
func (m *maintenance) connectionsOf(idleTime time.Duration) *smarthost.Connections {
	if m.connections == nil && idleTime > 0 {
		m.connections = smarthost.NewConnections(idle.Limits{Idle: idleTime, Age: maxKeptAge, Messages: maxKeptMessages, PerAddress: maxKeptAddress, All: maxKept})
	}
	return m.connections
}

// finderOf returns the finder of all smarthosts of a generation. They share its
// cache of domains and its limits on DNS queries.
func (m *maintenance) finderOf(c *configs.Config, backends *pools) (*nexthop.Finder, error) {
	if m.finder != nil {
		return m.finder, nil
	}
	var err error
	m.finder, err = newFinder(c, backends, m)
	return m.finder, err
}

// lenientFinder returns the finder for messages with the header TLS-Required: No, which
// all smarthosts of a generation share.
func (m *maintenance) lenientFinder(finder *nexthop.Finder) *nexthop.Finder {
	if m.lenient == nil {
		m.lenient = finder.Lenient()
	}
	return m.lenient
}

// newFinder creates a finder and reads the files of the configuration. It sends
// no query yet.
func newFinder(c *configs.Config, backends *pools, m *maintenance) (*nexthop.Finder, error) {
	s := c.Smarthost
	resolvers, err := resolversOf(s.Resolvers)
	if err != nil {
		return nil, fmt.Errorf("smarthost.resolvers: %w", err)
	}
	guard := newGuard(c, backends)
	f := &nexthop.Finder{
		Validates: s.Validates(resolvers), Names: []string{c.Hostname, s.EHLOName}, Guard: guard, Log: m.log,
		Default:  nexthop.Rules{Level: configs.LevelOf(s.Level), Signals: true},
		Sessions: outbound.NewSessions(maxOutSessions),
	}
	servers := make(nexthop.Servers, len(resolvers))
	for i, address := range resolvers {
		servers[i] = resolver.Resolver{Address: configs.CompleteResolver(address)}
	}
	f.DNS = servers
	if f.Roots, err = m.roots(s.CA); err != nil {
		return nil, err
	}
	if s.MTASTSOn() {
		f.Policies = sts.NewStore(filepath.Join(c.StateDir, "mta-sts"), servers, sts.NewWeb(servers, guard, f.Roots), m.log)
	}
	if own := s.ClientCertificate; own != nil {
		if f.Certificate, err = m.clientCertificate(*own); err != nil {
			return nil, fmt.Errorf("smarthost.client_certificate: %w", err)
		}
	}
	for _, d := range s.Destinations {
		made, err := destinationOf(c, d, m)
		if err != nil {
			return nil, err
		}
		f.Destinations = append(f.Destinations, made)
	}
	return f, nil
}

func destinationOf(c *configs.Config, d configs.Destination, m *maintenance) (nexthop.Destination, error) {
	made := nexthop.Destination{Domains: d.Domains, Senders: d.Senders, Networks: prefixes(d.Networks), Rewrite: nexthop.Rewrite{Sender: d.RewriteSender, From: d.RewriteFrom}, Rules: nexthop.Rules{
		Level: configs.LevelOf(c.Smarthost.Level), Signals: d.Level == "",
		Match: d.Match, ServerName: d.ServerName, Fingerprints: d.Fingerprints,
	}}
	if d.Level != "" {
		made.Rules.Level = configs.LevelOf(d.Level)
	}
	var err error
	if made.NextHop, err = nextHopOf(d.NextHop); err != nil {
		return made, err
	}
	for _, text := range d.Fallback {
		hop, err := nextHopOf(text)
		if err != nil {
			return made, err
		}
		made.Fallback = append(made.Fallback, hop)
	}
	if made.Account, err = m.account(c, d.Login); err != nil {
		return made, err
	}
	if made.Rules.Policy, err = c.PolicyOfDestination(d); err != nil {
		return made, err
	}
	made.Rules.Roots, err = m.roots(d.CA)
	return made, err
}

// nextHopOf returns the next hop that a text names; the zero value for an empty
// one.
func nextHopOf(text string) (nexthop.NextHop, error) {
	if text == "" {
		return nexthop.NextHop{}, nil
	}
	name, port, direct, err := configs.ParseNextHop(text)
	if err != nil {
		return nexthop.NextHop{}, fmt.Errorf("next hop %s: %w", text, err)
	}
	return nexthop.NextHop{Name: name, Direct: direct, Port: port}, nil
}

// roots reads a file of authorities, and reads it again when it changes.
// Without a file it returns nil, which stands for the system's authorities.
func (m *maintenance) roots(file string) (func() *x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	var present atomic.Pointer[x509.CertPool]
	return present.Load, m.files.Add(func() error {
		bundle, err := certs.ReadBundle(file)
		if err == nil {
			present.Store(bundle.Pool)
		}
		return err
	}, file)
}

// clientCertificate reads the certificate for other servers, and reads it again
// when it changes.
func (m *maintenance) clientCertificate(own configs.Certificate) (func() *tls.Certificate, error) {
	var present atomic.Pointer[tls.Certificate]
	return present.Load, m.files.Add(func() error {
		pair, err := certs.Load([]certs.File{{Cert: own.Cert, Key: own.Key}})
		if err != nil {
			return err
		}
		if usage := pair[0].Leaf.ExtKeyUsage; len(usage) > 0 && !slices.Contains(usage, x509.ExtKeyUsageClientAuth) && !slices.Contains(usage, x509.ExtKeyUsageAny) {
			m.log.Warn("the certificate for other servers is not for client authentication; some servers will not accept it", "file", own.Cert)
		}
		present.Store(&pair[0])
		return nil
	}, own.Cert, own.Key)
}

// resolvConf is the file with the addresses of a Unix machine's DNS servers.
const resolvConf = "/etc/resolv.conf"

// resolversOf lists the configured DNS servers, or else those of
// resolv.conf; without any, that is the machine itself (resolv.conf(5)).
func resolversOf(configured []string) ([]string, error) {
	if len(configured) > 0 {
		return configured, nil
	}
	f, err := os.Open(resolvConf)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	var found []string
	for lines := bufio.NewScanner(f); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) < 2 || fields[0] != "nameserver" {
			continue
		}
		if _, err := netip.ParseAddr(fields[1]); err == nil {
			found = append(found, net.JoinHostPort(fields[1], "53"))
		}
	}
	if len(found) == 0 {
		found = []string{"127.0.0.1"}
	}
	return found, nil
}
