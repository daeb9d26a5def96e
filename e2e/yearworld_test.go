package e2e

import (
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
	"github.com/miekg/dns"
	"golang.org/x/crypto/acme/autocert"

	"github.com/letterlock/letterlock/e2e/world"
	"github.com/letterlock/letterlock/internal/acme"
	"github.com/letterlock/letterlock/internal/acme/rollover"
	"github.com/letterlock/letterlock/internal/certs"
	"github.com/letterlock/letterlock/internal/dnsupdate"
	"github.com/letterlock/letterlock/internal/resolver"
	"github.com/letterlock/letterlock/internal/test/loopback"
	"github.com/letterlock/letterlock/internal/test/pebble"
	"github.com/letterlock/letterlock/internal/test/wait"
	"github.com/letterlock/letterlock/tlspolicy"
)

const (
	yearZone = "year.example"
	yearHost = "mail." + yearZone

	// yearTTL is longer than the time between two messages: the senders use records that
	// their resolver has kept.
	yearTTL = 4 * time.Hour
)

// year is a host whose keys change with their TLSA records, and two senders.
type year struct {
	clock   *world.Clock // of Knot and Unbound
	servers *world.Knot
	primary *world.Process
	mark    int       // the end of its log
	signing time.Time // when it renews signatures and keys
	ca      *pebble.CA
	dns     *dnsupdate.Client
	changes atomic.Int32 // by it
	log     wait.Log

	dir      string
	keeper   *acme.Keeper
	rollover *rollover.Keeper
	store    *certs.Store // what the host serves
	port     int          // of the host

	postfix   *world.DANESender
	smarthost *world.Letterlock
	sent      int
	jobs      chan func() // that run outside of the bubble
	done      chan struct{}

	keys    map[string]bool // their records
	changed int             // the hour of the last new key
}

// bubbleBegins is the time at which synctest's clocks begin.
var bubbleBegins = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

func newYear(t *testing.T) *year {
	t.Helper()
	w := needsServers(t)
	y := &year{
		dir: filepath.Join(t.TempDir(), "acme"), store: certs.NewStore(nil), keys: map[string]bool{}, jobs: make(chan func()), done: make(chan struct{}),
	}
	y.serveHost(t)
	var err error
	if y.clock, err = w.NewClock("year", bubbleBegins); err != nil {
		t.Fatal(err)
	}
	servers, processes, err := w.StartKnot(world.Zone{Name: yearZone, Signed: true, Records: "mail A " + loopback.Host() + "\n", Clock: y.clock})
	for _, p := range processes {
		atEnd(t, p.Stop)
	}
	if err != nil {
		t.Fatal(err)
	}
	y.servers, y.primary = servers, processes[0]
	nameserver, unbound, err := w.StartUnbound(servers, zoneKey(t, servers.Primary, yearZone+"."))
	if unbound != nil {
		atEnd(t, unbound.Stop)
	}
	if err != nil {
		t.Fatal(err)
	}
	y.reachDNS(t, nameserver)
	y.ca = pebble.New(t)
	y.ca.Start(t, pebble.Options{Resolver: servers.Secondary, HTTP: 1, TLS: 1, Life: 45 * day})
	y.startSenders(t, nameserver)
	go func() {
		for do := range y.jobs {
			do()
			y.done <- struct{}{}
		}
	}()
	t.Cleanup(func() { close(y.jobs) })
	return y
}

// serveHost starts the host. It accepts all mail, with the certificates of the store.
func (y *year) serveHost(t *testing.T) {
	t.Helper()
	policy, err := tlspolicy.Named("opportunistic")
	if err != nil {
		t.Fatal(err)
	}
	s := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return taker{}, nil }))
	s.Domain, s.ErrorLog, s.TLSConfig = yearHost, log.New(io.Discard, "", 0), policy.Config()
	s.TLSConfig.GetCertificate, s.TLSConfig.SessionTicketsDisabled = y.store.Get(policy), true
	socket := loopback.Listen(t)
	y.port = socket.Addr().(*net.TCPAddr).Port
	go func() { _ = s.Serve(socket) }()
	atEnd(t, s.Close)
}

// reachDNS prepares Letterlock's access to the zone.
func (y *year) reachDNS(t *testing.T, nameserver string) {
	t.Helper()
	key, err := os.ReadFile(y.servers.KeyFile)
	if err != nil {
		t.Fatal(err)
	}
	rfc2136, err := dnsupdate.NewProvider(dnsupdate.Options{Method: dnsupdate.RFC2136, Server: y.servers.Primary, Secret: string(key)})
	if err != nil {
		t.Fatal(err)
	}
	y.dns = &dnsupdate.Client{Provider: provider{rfc2136, y}, Resolver: resolver.Resolver{Address: nameserver + ":53"}}
}

func (y *year) startSenders(t *testing.T, nameserver string) {
	t.Helper()
	var err error
	if y.postfix, err = needsServers(t).StartDANESender(nameserver, yearZone, yearHost, y.port); err != nil {
		t.Fatal(err)
	}
	atEnd(t, y.postfix.Postfix.Stop)
	y.smarthost = serveCustom(t, fmt.Sprintf(`smarthost:
  resolvers: ["%s:53"]
  mta_sts: false
  keep_connections: 0s
  destinations: [{domains: [%s], next_hop: "[%s]:%d", level: dane-only}]`, nameserver, yearZone, yearHost, y.port), world.Listener{Name: "smarthost", Service: "smarthost"})
}

// zoneKey returns the key-signing key of a zone, as soon as the server has it.
func zoneKey(t *testing.T, server, zone string) (text string) {
	t.Helper()
	wait.Until(t, "the zone is not signed", func() bool {
		m := new(dns.Msg)
		m.SetQuestion(zone, dns.TypeDNSKEY)
		answer, err := dns.Exchange(m, server)
		if err != nil {
			return false
		}
		for _, rr := range answer.Answer {
			if key, ok := rr.(*dns.DNSKEY); ok && key.Flags&dns.SEP != 0 {
				text = strings.ReplaceAll(key.String(), "\t", " ")
			}
		}
		return text != ""
	})
	return text
}

// start starts Letterlock's part, with what the folder has.
func (y *year) start(t *testing.T) {
	t.Helper()
	logger := slog.New(slog.NewTextHandler(&y.log, nil))
	sets, kinds := [][]string{{yearHost}}, []acme.KeyType{acme.P256}
	y.rollover = rollover.New(rollover.Options{
		Store: autocert.DirCache(y.dir), Ports: []int{y.port}, DNS: moved{y.dns, y}, TTL: yearTTL, Log: logger,
		Certificates: []rollover.Certificate{{Planned: acme.Plan(sets, kinds)[0], Hosts: []string{yearHost}}},
	})
	var err error
	y.keeper, err = acme.New(acme.Options{
		Certificates: sets, Keys: kinds, Plan: y.rollover, Directory: y.ca.Directory, Transport: y.ca, Dir: y.dir, DNS: y.dns, Log: logger, Changed: y.changedKeys,
	})
	if err != nil {
		t.Fatal(err)
	}
	y.changedKeys()
	y.keeper.Serve()
	y.rollover.Serve()
}

// changedKeys serves the certificates that there are now.
func (y *year) changedKeys() {
	y.store.SetManaged(y.keeper.Certificates([]string{yearHost}))
	y.rollover.Wake()
}

func (y *year) stop() {
	y.keeper.Close()
	y.rollover.Close()
}

// outside runs a function outside of the bubble. The clock of the bubble stands still
// meanwhile.
func (y *year) outside(do func()) {
	y.jobs <- do
	<-y.done
}

// nextSigning is the line in which Knot says when it will renew signatures and keys.
const nextSigning = "DNSSEC, next signing at "

// move sets the clock of the DNS servers to that of the bubble. It wakes Knot if the time
// has come to renew signatures or keys, because its wait is as long as it was before. The
// secondary has the new ones too before an hour passes, as it would without a bubble.
func (y *year) move() (err error) {
	now := time.Now()
	y.outside(func() {
		if err = y.clock.Set(now); err != nil || now.Before(y.signing) {
			return
		}
		if !y.signing.IsZero() {
			err = y.primary.Signal(syscall.SIGHUP)
		}
		line, failed := y.primary.Log.Await(y.mark, world.Patience, nextSigning)
		_, at, _ := strings.Cut(line, nextSigning)
		y.mark = y.primary.Log.Mark()
		next, wrong := time.Parse("2006-01-02T15:04:05-0700", at)
		y.signing, err = next, errors.Join(err, failed, wrong, y.servers.InStep())
	})
	return err
}

// send sends a message by each sender. It returns the words of those that are refused.
func (y *year) send(hour int) (refused []string) {
	y.outside(func() {
		to := fmt.Sprintf("hour-%d@%s", hour, yearZone)
		mark := y.postfix.Postfix.Log.Mark()
		if err := submit(fmt.Sprintf("127.0.0.1:%d", y.postfix.Listen), to); err != nil {
			refused = append(refused, "Postfix takes no mail: "+err.Error())
			return
		}
		if err := submit(y.smarthost.Address("smarthost"), to); err != nil {
			refused = append(refused, "the smarthost: "+err.Error())
		}
		if line, err := y.postfix.Postfix.Log.Await(mark, world.Patience, "to=<"+to+">", "status="); err != nil || !strings.Contains(line, "status=sent") {
			refused = append(refused, fmt.Sprintf("Postfix: %v\n%s", err, strings.Join(y.postfix.Postfix.Log.Since(mark), "\n")))
		}
		y.sent += 2
	})
	return refused
}

func submit(address, to string) error {
	c, err := smtp.Dial(address)
	if err != nil {
		return err
	}
	return errors.Join(c.SendMail("a@example.com", []string{to}, strings.NewReader("Subject: DANE\r\n\r\n.\r\n")), c.Close())
}
