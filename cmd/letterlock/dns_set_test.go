package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/miekg/dns"

	"github.com/letterlock/letterlock/configs"
	"github.com/letterlock/letterlock/internal/app"
	"github.com/letterlock/letterlock/internal/test/authority"
	"github.com/letterlock/letterlock/internal/test/loopback"
)

const (
	tsigName   = "letterlock."
	tsigSecret = "c2VjcmV0LXNlY3JldC1zZWNyZXQ="
)

// primary is a primary server of example.test that accepts updates with a key (RFC 2136).
type primary struct {
	address string
	secure  atomic.Bool // answers are marked as validated
	updates atomic.Int32

	mu      sync.Mutex
	records []dns.RR
}

func newPrimary(t *testing.T, records ...string) *primary {
	t.Helper()
	p := &primary{}
	for _, text := range append([]string{"example.test. SOA ns.example.test. ns.example.test. 1 60 60 60 60", "example.test. NS ns.example.test.", "ns.example.test. A 127.0.0.1"}, records...) {
		rr, err := dns.NewRR(text)
		if err != nil {
			t.Fatal(err)
		}
		p.records = append(p.records, rr)
	}
	stream, packets := loopback.ListenBoth(t)
	p.address = stream.Addr().String()
	for _, s := range []*dns.Server{{Listener: stream}, {PacketConn: packets}} {
		s.Handler, s.TsigSecret = p, map[string]string{tsigName: tsigSecret}
		s.MsgAcceptFunc = func(dns.Header) dns.MsgAcceptAction { return dns.MsgAccept }
		started, ended := make(chan struct{}), make(chan struct{})
		s.NotifyStartedFunc = func() { close(started) }
		go func() {
			defer close(ended)
			_ = s.ActivateAndServe()
		}()
		<-started
		t.Cleanup(func() {
			_ = s.Shutdown()
			<-ended
		})
	}
	return p
}

func (p *primary) ServeDNS(w dns.ResponseWriter, query *dns.Msg) {
	p.mu.Lock()
	defer p.mu.Unlock()
	reply := new(dns.Msg)
	reply.SetReply(query)
	reply.Authoritative, reply.AuthenticatedData = true, p.secure.Load()
	switch {
	case query.Opcode != dns.OpcodeUpdate:
		q := query.Question[0]
		for _, rr := range p.records {
			if strings.EqualFold(rr.Header().Name, q.Name) && (rr.Header().Rrtype == q.Qtype || rr.Header().Rrtype == dns.TypeCNAME) {
				reply.Answer = append(reply.Answer, rr)
			}
		}
	case query.IsTsig() == nil || w.TsigStatus() != nil:
		reply.Rcode = dns.RcodeRefused
	default:
		p.updates.Add(1)
		for _, rr := range query.Ns {
			p.update(rr)
		}
		reply.SetTsig(tsigName, dns.HmacSHA256, 300, int64(query.IsTsig().TimeSigned))
	}
	_ = w.WriteMsg(reply)
}

// update adds a record, or with class NONE removes it (RFC 2136 §2.5).
func (p *primary) update(rr dns.RR) {
	class := rr.Header().Class
	rr.Header().Class = dns.ClassINET
	p.records = slices.DeleteFunc(p.records, func(have dns.RR) bool { return dns.IsDuplicate(have, rr) })
	if class == dns.ClassINET {
		p.records = append(p.records, rr)
	}
}

// at returns the records of a name with a type.
func (p *primary) at(name string, kind uint16) (all []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, rr := range p.records {
		if rr.Header().Name == name && rr.Header().Rrtype == kind {
			all = append(all, strings.TrimPrefix(rr.String(), rr.Header().String()))
		}
	}
	return all
}

// The command shows what it would change, and changes it with --set. Records of others
// stay, and those that compete are reported.
func TestDNSSet(t *testing.T) {
	t.Parallel()
	p := newPrimary(t, "example.test. MX 10 old.example.test.", `example.test. TXT "v=spf1 -all"`, `_mta-sts.example.test. TXT "v=STSv1; id=1;"`, `_mta-sts.example.test. TXT "unknown"`,
		"_submissions._tcp.example.test. SRV 0 0 465 old.example.test.", "autoconfig.example.test. A 192.0.2.1")
	file, _ := updatingFile(t, p)
	status, out, said := words("dns", "--config", file, "--resolver", p.address)
	for _, want := range []string{
		"example.test. IN MX 10 mail.example.test.\n;   the server that mail for example.test is sent to\n;   not added: the name has other records", ";   published besides: 10 old.example.test.\n",
		";   --set adds 0 1 993 mail.example.test.\n", ";   --set adds v=STSv1; id=", ";   --set removes v=STSv1; id=1;\n", ";   not added: the domain allows all CAs",
	} {
		if status != exitFailed || !strings.Contains(out, want) {
			t.Errorf("%d, no %q in\n%s%s", status, want, out, said)
		}
	}
	if p.updates.Load() != 0 {
		t.Fatalf("%d changes without --set", p.updates.Load())
	}
	storeCertificate(t, file)
	p.secure.Store(true)
	status, out, said = words("dns", "--config", file, "--set")
	if status != exitFailed || !strings.Contains(said, "1 record missing") || !strings.Contains(out, ";   added: 0 1 993 mail.example.test.\n") || strings.Contains(out, "NOT ") {
		t.Errorf("%d\n%s%s", status, out, said)
	}
	policy := p.at("_mta-sts.example.test.", dns.TypeTXT)
	if len(policy) != 2 || policy[0] != `"unknown"` || !strings.HasPrefix(policy[1], `"v=STSv1; id=`) || strings.Contains(policy[1], "id=1;") {
		t.Errorf("%q", policy)
	}
	for _, tt := range []struct {
		name string
		kind uint16
		want []string
	}{
		{"example.test.", dns.TypeMX, []string{"10 old.example.test."}}, {"example.test.", dns.TypeTXT, []string{`"v=spf1 -all"`}}, {"example.test.", dns.TypeCAA, nil},
		{"_imaps._tcp.example.test.", dns.TypeSRV, []string{"0 1 993 mail.example.test."}}, {"_submissions._tcp.example.test.", dns.TypeSRV, []string{"0 0 465 old.example.test."}},
		{"mta-sts.example.test.", dns.TypeCNAME, []string{"mail.example.test."}}, {"autodiscover.example.test.", dns.TypeCNAME, []string{"mail.example.test."}},
		{"autoconfig.example.test.", dns.TypeCNAME, nil}, {"_smtp._tls.example.test.", dns.TypeTXT, []string{`"v=TLSRPTv1; rua=mailto:tls-reports@example.test"`}},
	} {
		if got := p.at(tt.name, tt.kind); !slices.Equal(got, tt.want) {
			t.Errorf("%s: %q", tt.name, got)
		}
	}
	if got := p.at("_25._tcp.mail.example.test.", dns.TypeTLSA); len(got) != 1 || !strings.HasPrefix(got[0], "3 1 1 ") {
		t.Errorf("%q", got)
	}
	before := p.updates.Load()
	if _, out, _ = words("dns", "--config", file, "--set"); p.updates.Load() != before || strings.Contains(out, ";   added: ") {
		t.Errorf("a second run changes records\n%s", out)
	}
}

// Without access to DNS, or if the server refuses, the command says what to do, and what
// was not changed.
func TestDNSSetFails(t *testing.T) {
	t.Parallel()
	file := writeFile(t, "hostname: mail.example.test\nlisteners: [{service: imaps, backend: b}]\n")
	if status, _, said := words("dns", "--config", file, "--domain", "example.test", "--set"); status != exitFailed || !strings.Contains(said, "write acme.dns") {
		t.Errorf("%d %s", status, said)
	}
	p := newPrimary(t)
	file, state := updatingFile(t, p)
	if err := os.WriteFile(filepath.Join(state, "key"), []byte("hmac-sha256:letterlock:b3RoZXI="), 0o600); err != nil {
		t.Fatal(err)
	}
	status, out, said := words("dns", "--config", file, "--set")
	if status != exitFailed || !strings.Contains(out, ";   NOT ADDED: the MX record of example.test. cannot be added: ") || !strings.Contains(said, "changes failed") || p.updates.Load() != 0 {
		t.Errorf("%d\n%s%s", status, out, said)
	}
}

// updatingFile writes a configuration with access to a server, and returns its folder
// too.
func updatingFile(t *testing.T, p *primary) (file, folder string) {
	t.Helper()
	folder = t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "key"), []byte("hmac-sha256:letterlock:"+tsigSecret), 0o600); err != nil {
		t.Fatal(err)
	}
	return writeFile(t, fmt.Sprintf(`
hostname: mail.example.test
state_dir: %[1]s
acme: {keys: [p256], dns: {method: rfc2136, server: %[2]q, credentials: %[1]s/key, resolver: %[2]q}}
mta_sts: {domains: [example.test]}
autoconfig: {domains: [example.test]}
listeners:
  - {service: smtp, backend: b, recipients: [example.test]}
  - {service: submissions, backend: b}
  - {service: imaps, backend: b}
`, folder, p.address)), folder
}

// storeCertificate writes a certificate where those of the CA are.
func storeCertificate(t *testing.T, file string) {
	t.Helper()
	c, err := configs.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	chain, key := authority.PEM(t, authority.New(t).ECDSA(t, "mail.example.test"))
	if err := os.MkdirAll(app.ACMEDir(c), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(app.ACMEDir(c), "mail.example.test"), append(key, chain...), 0o600); err != nil {
		t.Fatal(err)
	}
}
