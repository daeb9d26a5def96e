package cluster

import (
	"crypto/tls"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/letterlock/letterlock/e2e/world"
	"github.com/letterlock/letterlock/internal/test/authority"
)

// The addresses of the machines.
const (
	clientAddress   = "10.77.0.1"
	balancerAddress = "10.77.0.2"
)

// attackers are the addresses from which passwords are guessed.
var attackers = []string{"10.77.0.101", "10.77.0.102", "10.77.0.103", "10.77.0.104", "10.77.0.105", "10.77.0.106"}

// service is a service of the instances.
type service struct {
	name, protocol string
	port           int
	implicit       bool // TLS
}

var services = []service{
	{"smtp", "smtp", 25, false},
	{"submission", "smtp", 587, false},
	{"submissions", "smtp", 465, true},
	{"imap", "imap", 143, false},
	{"imaps", "imap", 993, true},
	{"pop3", "pop3", 110, false},
	{"pop3s", "pop3", 995, true},
	{"sieve", "sieve", 4190, false},
}

// site is everything that the test runs: three instances behind a load
// balancer, two mail servers with the same mailboxes, and the store. One
// instance, one mail server and one server of the store are in the right half of
// the network, everything else in the left one.
type site struct {
	w         *world.World
	lan       *world.LAN
	ca        *authority.CA
	balancer  *world.Process
	mail      []*world.MailHost
	store     []*world.StoreServer
	instances []*instance
}

// tls are the settings of a client.
func (s *site) tls() *tls.Config {
	return &tls.Config{RootCAs: s.ca.Pool, ServerName: "mail.example.com"}
}

// startSite starts everything. It ends with the test.
func startSite(t *testing.T) *site {
	t.Helper()
	s := startNetwork(t)
	for i, half := range []string{world.Left, world.Right} {
		m, err := s.lan.Add(fmt.Sprintf("mail%d", i+1), half, fmt.Sprintf("10.77.0.%d", 21+i))
		must(t, err)
		host, err := s.w.StartMailHost(m)
		if host != nil {
			atEnd(t, host.Stop)
		}
		must(t, err)
		s.mail = append(s.mail, host)
	}
	for _, m := range s.addProxies(t) {
		s.instances = append(s.instances, s.newInstance(t, m))
	}
	s.startBalancer(t)
	return s
}

// addProxies adds the machines of three instances.
func (s *site) addProxies(t *testing.T) (all []*world.Node) {
	t.Helper()
	for i, half := range []string{world.Left, world.Left, world.Right} {
		m, err := s.lan.Add(fmt.Sprintf("proxy%d", i+1), half, fmt.Sprintf("10.77.0.%d", 11+i))
		must(t, err)
		all = append(all, m)
	}
	return all
}

// startNetwork starts the network and the store.
func startNetwork(t *testing.T) *site {
	t.Helper()
	if os.Getenv("LETTERLOCK_E2E") != "1" {
		t.Skip("needs root, and servers from Debian: run make test-cluster")
	}
	w, err := world.New()
	must(t, err)
	s := &site{w: w, ca: authority.New(t)}
	t.Cleanup(func() {
		for _, err := range w.Stop() { // after everything else; reports processes that are left
			t.Error(err)
		}
	})
	s.lan, err = world.NewLAN(append([]string{clientAddress}, attackers...)...)
	atEnd(t, s.lan.Close)
	must(t, err)
	s.writeSecrets(t)
	s.startStore(t)
	return s
}

// writeSecrets writes the files that all instances share.
func (s *site) writeSecrets(t *testing.T) {
	t.Helper()
	chain, key := authority.PEM(t, s.ca.ECDSA(t, "mail.example.com"))
	for name, text := range map[string][]byte{"mail.pem": chain, "mail.key": key} {
		must(t, os.WriteFile(filepath.Join(s.w.Dir, name), text, 0o600))
	}
}

// startBalancer starts HAProxy in front of the instances. It checks one service
// of each instance, and gives each connection to the next instance.
func (s *site) startBalancer(t *testing.T) {
	t.Helper()
	m, err := s.lan.Add("balancer", world.Left, balancerAddress)
	must(t, err)
	var text strings.Builder
	text.WriteString("defaults\n mode tcp\n balance roundrobin\n retries 3\n option redispatch\n" +
		" timeout connect 1s\n timeout check 1s\n timeout client 60s\n timeout server 60s\n" +
		" default-server inter 500ms fall 2 rise 1 send-proxy-v2 on-marked-down shutdown-sessions\n")
	for _, each := range services {
		fmt.Fprintf(&text, "listen %s\n bind %s:%d\n", each.name, balancerAddress, each.port)
		for _, i := range s.instances {
			check := "track imaps/" + i.Name
			if each.name == "imaps" {
				check = "check"
			}
			fmt.Fprintf(&text, " server %s %s %s\n", i.Name, i.At(each.port), check)
		}
	}
	s.balancer, err = s.w.StartHAProxy(text.String(), m)
	must(t, err)
	atEnd(t, s.balancer.Stop)
	must(t, s.balancer.Ready(m.At(993)))
}
