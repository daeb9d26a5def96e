package cluster

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/letterlock/letterlock/e2e/world"
	"github.com/letterlock/letterlock/internal/test/nameserver"
	"github.com/letterlock/letterlock/internal/test/pebble"
)

// certified is three instances that get their certificates from one CA, which reaches them
// through a load balancer.
type certified struct {
	*site
	ca     *pebble.CA
	dns    *nameserver.Server
	orders atomic.Int32 // requests for an order
	issued atomic.Int32 // orders that were completed
}

// trouble is a failure that the test causes at a moment of an order. Its function gets the
// address of the instance that orders.
type trouble struct {
	name   string
	moment string // the path of a request to the CA; empty: a random one
	cause  func(orderer string) error
	repair func() error
	most   int32 // orders
	kills  bool  // the instance that orders, so that it does not get the reply to its request
}

// moments are the paths of the requests of an order.
var moments = []string{"/order-plz", "/authZ/", "/chalZ/", "/finalize-order/", "/certZ/"}

// troubleTime is how long a trouble lasts.
const troubleTime = 10 * time.Second

// TestCertificates lets three instances get a certificate by ACME while the store or an
// instance fails at a moment of the order. All must serve the same certificate, with one
// order: that of an instance that is killed is continued by another one. Only an order
// whose URL the killed instance has not received yet is followed by a second one.
func TestCertificates(t *testing.T) {
	s := &certified{site: startNetwork(t)}
	t.Logf("the seed is %d", *seed)
	s.startCA(t)
	for _, m := range s.addProxies(t) {
		s.instances = append(s.instances, &instance{
			Node: m, version: versions[0], fast: m.Name == fastMachine, config: filepath.Join(s.w.Dir, m.Name+".yaml"), ports: []int{80, 993},
		})
	}
	s.startChallengeBalancer(t)
	for n, trouble := range s.troubles() {
		t.Run(trouble.name, func(t *testing.T) { s.order(t, fmt.Sprintf("mail%d.example.com", n), trouble) })
	}
}

func (s *certified) troubles() []trouble {
	cut := func(cut bool) error {
		return s.all(func(server *world.StoreServer) error { return server.Node.Cut(cut) })
	}
	var killed *world.StoreServer
	return []trouble{
		{"nothing fails", "", nil, nil, 1, false},
		{"the store is cut off", "", func(string) error { return cut(true) }, func() error { return cut(false) }, 1, false},
		{"the primary of the store is killed", "", func(string) (err error) {
			killed, err = s.killPrimary()
			return err
		}, func() error { return killed.Start() }, 1, false},
		{"the store is wiped", "", func(string) error { return s.wipe() }, func() error { return nil }, 2, false},
		{"the instance is killed", "", func(orderer string) error {
			for _, i := range s.instances {
				if i.Address == orderer {
					return i.process().Kill()
				}
			}
			return fmt.Errorf("no instance has the address %s", orderer)
		}, s.startKilled, 1, true},
	}
}

// startKilled starts the instances that do not run.
func (s *certified) startKilled() error {
	for _, i := range s.instances {
		if !i.process().Running() {
			return i.start()
		}
	}
	return errors.New("all instances run")
}

// order starts the instances, which need a certificate, and waits until all serve the same
// one.
func (s *certified) order(t *testing.T, host string, what trouble) {
	if what.moment == "" {
		what.moment = moments[rand.New(rand.NewPCG(*seed, uint64(len(what.name)))).IntN(len(moments))]
	}
	s.dns.Set(host, &dnsmessage.AResource{A: [4]byte(net.ParseIP(balancerAddress).To4())})
	s.orders.Store(0)
	s.issued.Store(0)
	ended := s.arm(what)
	for _, i := range s.instances {
		must(t, os.WriteFile(i.config, []byte(s.configuration(i, host)), 0o644))
		must(t, i.start())
		atEnd(t, func() error { return i.process().Stop() })
	}
	must(t, <-ended)
	var leaf *x509.Certificate
	if !happens(func() bool { leaf = s.common(host); return leaf != nil }) {
		t.Fatalf("%s: the instances serve no common certificate\n%s", what.moment, s.logs())
	}
	n, issued, most := s.orders.Load(), s.issued.Load(), what.most
	if what.kills && what.moment == moments[0] {
		most++
	}
	t.Logf("%s: %d orders, %d certificates", what.moment, n, issued)
	if n < 1 || n > most || issued < 1 || issued > what.most {
		t.Errorf("%s: %d orders and %d certificates, want at most %d and %d\n%s", what.moment, n, issued, most, what.most, s.logs())
	}
}

// arm causes the trouble at its moment, and repairs it some time later. The channel gets the
// error, or nil, after that.
func (s *certified) arm(what trouble) <-chan error {
	ended := make(chan error, 1)
	var once sync.Once
	s.ca.Refuse(func(_ http.ResponseWriter, r *http.Request) bool {
		switch {
		case strings.HasSuffix(r.URL.Path, "/order-plz"):
			s.orders.Add(1)
		case strings.Contains(r.URL.Path, "/finalize-order/"):
			s.issued.Add(1)
		}
		if strings.Contains(r.URL.Path, what.moment) {
			once.Do(func() {
				if what.cause == nil {
					ended <- nil
					return
				}
				orderer, _, _ := net.SplitHostPort(r.RemoteAddr)
				caused := what.cause(orderer)
				time.AfterFunc(troubleTime, func() { ended <- errors.Join(caused, what.repair()) })
			})
		}
		return false
	})
	return ended
}

// common returns the certificate that all instances serve; nil if they do not serve the
// same one.
func (s *certified) common(host string) (leaf *x509.Certificate) {
	for _, i := range s.instances {
		conn, err := tls.DialWithDialer(&net.Dialer{Timeout: clientPatience}, "tcp", i.At(993), &tls.Config{RootCAs: s.ca.Issued, ServerName: host})
		if err != nil {
			return nil
		}
		own := conn.ConnectionState().PeerCertificates[0]
		_ = conn.Close()
		if leaf != nil && !leaf.Equal(own) {
			return nil
		}
		leaf = own
	}
	return leaf
}

func (s *certified) configuration(i *instance, host string) string {
	return fmt.Sprintf(`hostname: %s
state_dir: %s/%s
acme: {directory: %q, ca_roots: %s/ca.pem, keys: [p256], http: "%s"}
listeners: [{service: imaps, listen: "%s", backend: 127.0.0.1}]
%s`, host, s.w.Dir, i.Name, s.ca.Directory, s.w.Dir, i.At(80), i.At(993), s.clusterKeys(i.Name))
}

// startCA starts the CA and its DNS on the machine of the clients.
func (s *certified) startCA(t *testing.T) {
	t.Helper()
	socket, err := net.Listen("tcp", clientAddress+":0")
	must(t, err)
	s.ca, s.dns = pebble.NewOn(t, socket, s.site.ca.ECDSA(t, clientAddress)), nameserver.New(t)
	s.ca.Start(t, pebble.Options{Resolver: s.dns.Address, HTTP: 80, TLS: 1})
}

// startChallengeBalancer starts HAProxy, which gives the CA's connections to the next
// instance each time.
func (s *certified) startChallengeBalancer(t *testing.T) {
	t.Helper()
	m, err := s.lan.Add("balancer", world.Left, balancerAddress)
	must(t, err)
	text := "defaults\n mode tcp\n balance roundrobin\n retries 3\n option redispatch\n timeout connect 1s\n timeout client 10s\n timeout server 10s\n" +
		" default-server check inter 500ms fall 1 rise 1\nlisten acme\n bind " + m.At(80) + "\n"
	for _, i := range s.instances {
		text += fmt.Sprintf(" server %s %s\n", i.Name, i.At(80))
	}
	s.balancer, err = s.w.StartHAProxy(text, m)
	must(t, err)
	atEnd(t, s.balancer.Stop)
	must(t, s.balancer.Ready(m.At(80)))
}

// logs returns the ends of the logs of the instances.
func (s *certified) logs() (text string) {
	for _, i := range s.instances {
		text += fmt.Sprintf("%s:\n%s\n\n", i.Name, i.process().Log.Tail())
	}
	return text
}
