package e2e

import (
	"crypto/tls"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/letterlock/letterlock/e2e/world"
	"github.com/letterlock/letterlock/internal/test/pebble"
	"github.com/letterlock/letterlock/internal/test/wait"
	"github.com/letterlock/letterlock/tlspolicy"
	"github.com/letterlock/letterlock/tlspolicy/dane"
	"github.com/letterlock/letterlock/tlspolicy/outbound"
)

// TestKeysRollOverWithKnot renews a certificate of some seconds until three new keys have
// been used. The program is killed at each step, and started again. A sender that validates
// the records with DNSSEC is never refused. Knot signs the zone; the secondary, which the
// sender and the CA ask, gets each change after the primary.
func TestKeysRollOverWithKnot(t *testing.T) {
	const zone = "dane.example"
	servers, processes, err := needsServers(t).StartKnot(world.Zone{Name: zone, Signed: true})
	for _, p := range processes {
		atEnd(t, p.Stop)
	}
	if err != nil {
		t.Fatal(err)
	}
	ca := pebble.New(t)
	ca.Start(t, pebble.Options{Resolver: servers.Secondary, HTTP: 1, TLS: 1, Life: 16 * time.Second})
	l := &killed{Letterlock: serveCustom(t, fmt.Sprintf("acme: {directory: %q, ca_roots: %s, keys: [p256], dane: {hosts: [%s], ttl: 1s}, dns: {method: rfc2136, server: %q, credentials: %s, resolver: %q}}",
		ca.Directory, ca.RootsFile(t), zone, servers.Primary, servers.KeyFile, servers.Primary),
		world.Listener{Name: "imaps", Service: "imaps", Backend: 1, Keys: []string{"acme_hosts: [" + zone + "]"}}), at: slices.Clone(rolloverMoments)}
	awaitIn(t, l.Process, 0, "certificate from the CA", "key=p256")
	s := &daneSender{dns: servers.Secondary, zone: zone + ".", name: "_25._tcp." + zone + ".", keys: map[string]bool{}}
	wait.Until(t, "there is no TLSA record", func() bool { return len(s.lookUp(t)) > 0 })
	l.mark = l.Log.Mark()
	const keys = 4 // the first, and three rollovers
	for deadline := time.Now().Add(4 * world.Patience); (len(s.keys) < keys || len(l.at) > 0) && !t.Failed() && time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		l.kill(t)
		s.address = l.Address("imaps")
		s.send(t)
	}
	if t.Failed() || len(s.keys) < keys || len(l.at) > 0 {
		t.Fatalf("%d keys in %d handshakes; not killed at %q\n%s", len(s.keys), s.sent, l.at, strings.Join(l.lines, "\n"))
	}
	t.Logf("%d handshakes", s.sent)
	wait.Until(t, "the records of old keys are left", func() bool { return len(s.lookUp(t)) <= 2 })
	for _, line := range slices.Concat(l.lines, l.Log.Since(0)) {
		if strings.Contains(line, "cannot be rolled over") || strings.Contains(line, "PRIVATE KEY") {
			t.Error(line)
		}
	}
}

// rolloverMoments are the lines of the log at which TestKeysRollOverWithKnot kills the
// program: each step, and a certificate that is not yet stored.
var rolloverMoments = []string{"step=settle", "step=ready", "certificate from the CA", "step=retire", "step=publish"}

// killed is a program that is killed at moments, each of them a line of its log.
type killed struct {
	*world.Letterlock
	mark  int
	at    []string // that are left
	lines []string // of the processes that were killed
}

// kill kills the program and starts it again if it has come to the next moment.
func (l *killed) kill(t *testing.T) {
	t.Helper()
	if len(l.at) == 0 || !slices.ContainsFunc(l.Log.Since(l.mark), func(line string) bool { return strings.Contains(line, l.at[0]) }) {
		return
	}
	if err := l.Kill(); err != nil {
		t.Fatal(err)
	}
	l.lines = append(l.lines, l.Log.Since(0)...)
	again, err := needsServers(t).StartAgain(l.Letterlock)
	if err != nil {
		t.Fatal(err)
	}
	l.Letterlock, l.mark, l.at = again, 0, l.at[1:]
}

// daneSender is a mail server that validates TLSA records with DNSSEC, and keeps them for
// their TTL, as its resolver would.
type daneSender struct {
	dns, zone, name, address string

	records []dane.TLSA
	until   time.Time
	sent    int
	keys    map[string]bool // the records that have matched
}

// send makes a handshake, and verifies the certificate as smarthost does.
func (s *daneSender) send(t *testing.T) {
	t.Helper()
	if !time.Now().Before(s.until) {
		s.records, s.until = s.lookUp(t), time.Now().Add(time.Second)
	}
	policy, err := tlspolicy.Named("strict")
	if err != nil {
		t.Fatal(err)
	}
	var verdict outbound.Verdict
	terms := outbound.Terms{Level: outbound.DANE, Policy: policy, ServerName: strings.TrimSuffix(s.zone, "."), Records: s.records}
	conn, err := tls.Dial("tcp", s.address, terms.Config(&verdict))
	s.sent++
	if err != nil || verdict.Trust != outbound.Verified {
		t.Errorf("handshake %d is refused: %v; %s", s.sent, err, s.records)
		return
	}
	s.keys[dane.Of(conn.ConnectionState().PeerCertificates[0]).String()] = true
	_ = conn.Close()
}

// lookUp returns the TLSA records, whose signature must be valid.
func (s *daneSender) lookUp(t *testing.T) (records []dane.TLSA) {
	t.Helper()
	answer := s.ask(t, s.name, dns.TypeTLSA)
	var set []dns.RR
	var signature *dns.RRSIG
	for _, rr := range answer {
		switch rr := rr.(type) {
		case *dns.TLSA:
			set = append(set, rr)
			record, err := dane.Parse(append([]byte{rr.Usage, rr.Selector, rr.MatchingType}, unhex(t, rr.Certificate)...))
			if err != nil {
				t.Fatal(err)
			}
			records = append(records, record)
		case *dns.RRSIG:
			signature = rr
		}
	}
	if len(set) == 0 {
		return nil
	}
	if signature == nil {
		t.Fatalf("%s is not signed", s.name)
	}
	for _, rr := range s.ask(t, s.zone, dns.TypeDNSKEY) {
		if key, ok := rr.(*dns.DNSKEY); ok && key.KeyTag() == signature.KeyTag {
			if err := signature.Verify(key, set); err != nil {
				t.Errorf("the signature of %s: %v", s.name, err)
			}
			return records
		}
	}
	t.Errorf("there is no key for the signature of %s", s.name)
	return nil
}

func (s *daneSender) ask(t *testing.T, name string, kind uint16) []dns.RR {
	t.Helper()
	m := new(dns.Msg)
	m.SetQuestion(name, kind)
	m.SetEdns0(1232, true)
	c := dns.Client{Net: "tcp", Timeout: world.Patience}
	answer, _, err := c.Exchange(m, s.dns)
	if err != nil {
		t.Fatal(err)
	}
	return answer.Answer
}

func unhex(t *testing.T, text string) []byte {
	t.Helper()
	data, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
