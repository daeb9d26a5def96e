package dnsupdate

import (
	"encoding/binary"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/libdns/libdns"
	"golang.org/x/net/dns/dnsmessage"

	"github.com/letterlock/letterlock/tlspolicy/dane"
)

const tlsaName = "_25._tcp.mail.example.test"

func tlsaOf(last byte) dane.TLSA {
	return dane.TLSA{Usage: dane.EndEntity, Selector: dane.PublicKey, Matching: dane.SHA256, Data: append(make([]byte, 31), last)}
}

func tlsaBody(r dane.TLSA) dnsmessage.ResourceBody {
	return &dnsmessage.UnknownResource{Type: typeTLSA, Data: append([]byte{r.Usage, r.Selector, r.Matching}, r.Data...)}
}

// signatureBody is a signature of records of a type, without the signer and the bytes of
// the signature.
func signatureBody(covered dnsmessage.Type, from, until time.Time) dnsmessage.ResourceBody {
	data := binary.BigEndian.AppendUint16(nil, uint16(covered))
	data = append(data, 13, 4, 0, 0, 0, 60)
	data = binary.BigEndian.AppendUint32(data, uint32(until.Unix()))
	data = binary.BigEndian.AppendUint32(data, uint32(from.Unix()))
	return &dnsmessage.UnknownResource{Type: 46, Data: data}
}

// Each server is asked for the records, their TTL and the dates of their signature.
func TestTLSAOfAllServers(t *testing.T) {
	c, _, s := newClient(t)
	s.Behave(true, false, dnsmessage.RCodeSuccess)
	now := time.Now().Truncate(time.Second)
	s.Set(tlsaName, tlsaBody(tlsaOf(1)), tlsaBody(tlsaOf(2)),
		signatureBody(typeTLSA, now.Add(-time.Hour), now.Add(time.Hour)), signatureBody(dnsmessage.TypeTXT, now, now.Add(24*time.Hour)))
	s.Set("example.test",
		&dnsmessage.NSResource{NS: dnsmessage.MustNewName("ns.example.test.")}, &dnsmessage.NSResource{NS: dnsmessage.MustNewName("ns2.example.test.")},
		&dnsmessage.SOAResource{NS: dnsmessage.MustNewName("ns.example.test."), MBox: dnsmessage.MustNewName("ns.example.test.")})
	s.Set("ns2.example.test", &dnsmessage.AResource{A: [4]byte{127, 0, 0, 2}}) // no server is there
	found, err := c.TLSA(t.Context(), tlsaName)
	if err != nil || len(found.Servers) != 2 || found.Zone != "example.test." || found.Name != tlsaName+"." || !found.Secure {
		t.Fatalf("%+v, %v", found, err)
	}
	first, second := found.Servers[0], found.Servers[1]
	if first.Err != nil || !slices.EqualFunc(first.Records, []dane.TLSA{tlsaOf(1), tlsaOf(2)}, dane.TLSA.Equal) || first.TTL != time.Minute {
		t.Errorf("%+v", first)
	}
	if !first.SignedFrom.Equal(now.Add(-time.Hour)) || !first.SignedUntil.Equal(now.Add(time.Hour)) {
		t.Errorf("signed from %s until %s", first.SignedFrom, first.SignedUntil)
	}
	if second.Err == nil || second.Server != "ns2.example.test. (127.0.0.2)" {
		t.Errorf("%+v", second)
	}
}

// The answer of a server that is not one of the zone's, such as a cache, does not count.
func TestTLSAOfAnotherServer(t *testing.T) {
	c, _, s := newClient(t)
	s.Set(tlsaName, tlsaBody(tlsaOf(1)))
	s.Foreign()
	found, err := c.TLSA(t.Context(), tlsaName)
	if err != nil || len(found.Servers) != 1 || found.Servers[0].Err != errNotAuthoritative {
		t.Errorf("%+v, %v", found, err)
	}
}

// A resolver that cannot validate the zone answers with an error.
func TestTLSAWithWrongSignatures(t *testing.T) {
	c, _, s := newClient(t)
	s.Behave(false, false, dnsmessage.RCodeServerFailure)
	if _, err := c.TLSA(t.Context(), tlsaName); err == nil {
		t.Error("no error")
	}
}

func TestChangeTLSA(t *testing.T) {
	c, r, _ := newClient(t)
	at, err := c.TLSA(t.Context(), tlsaName)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.AddTLSA(t.Context(), at, []dane.TLSA{tlsaOf(1)}, time.Hour); err != nil {
		t.Error(err)
	}
	if err := c.RemoveTLSA(t.Context(), at, []dane.TLSA{tlsaOf(1)}); err != nil {
		t.Error(err)
	}
	record := "example.test. _25._tcp.mail TLSA " + tlsaOf(1).String()
	if !slices.Equal(r.calls, []string{"add " + record, "remove " + record}) {
		t.Errorf("%q", r.calls)
	}
	c.Provider = nil
	if c.AddTLSA(t.Context(), at, nil, 0) == nil || c.RemoveTLSA(t.Context(), at, nil) == nil {
		t.Error("changed without a provider")
	}
}

func tlsaRecords(last ...byte) (all []libdns.Record) {
	for _, n := range last {
		all = append(all, libdns.RR{Name: "_25._tcp", TTL: time.Hour, Type: "TLSA", Data: tlsaOf(n).String()})
	}
	return all
}

// Cloudflare takes the fields of a TLSA record, not its text.
func TestCloudflareTLSA(t *testing.T) {
	a := &api{answers: map[string]string{
		"GET /client/v4/zones":                 `{"success": true, "result": [{"id": "z1", "name": "example.test"}]}`,
		"POST /client/v4/zones/z1/dns_records": `{"success": true, "result": {"id": "r1", "type": "TLSA", "name": "_25._tcp.example.test", "content": "3 1 1 00", "ttl": 3600}}`,
	}}
	server := httptest.NewServer(a)
	defer server.Close()
	p, err := newCloudflare("token", &http.Client{Transport: redirected{server}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.AppendRecords(t.Context(), "example.test.", tlsaRecords(7)); err != nil {
		t.Fatal(err)
	}
	var sent struct {
		Type, Content string
		TTL           int
		Data          struct {
			Usage, Selector int
			Matching        int `json:"matching_type"`
			Certificate     string
		}
	}
	_, body, _ := strings.Cut(a.asked[len(a.asked)-1], "dns_records ")
	if err := json.Unmarshal([]byte(body), &sent); err != nil {
		t.Fatal(err)
	}
	if d := sent.Data; sent.Content != "" || sent.TTL != 3600 || d.Usage != 3 || d.Selector != 1 || d.Matching != 1 || "3 1 1 "+d.Certificate != tlsaOf(7).String() {
		t.Errorf("%+v", sent)
	}
}

// PowerDNS gets both records in one change, without quotes.
func TestPowerDNSTLSA(t *testing.T) {
	const zone = "/api/v1/servers/localhost/zones/example.test."
	a := &api{answers: map[string]string{"GET " + zone: `{"rrsets": []}`, "PATCH " + zone: ``}}
	server := httptest.NewServer(a)
	defer server.Close()
	p, err := NewProvider(Options{Method: PowerDNS, Server: server.URL, Secret: "token"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.AppendRecords(t.Context(), "example.test.", tlsaRecords(7, 8)); err != nil {
		t.Fatal(err)
	}
	want := `"changetype":"REPLACE","records":[{"content":"` + tlsaOf(7).String() + `","disabled":false},{"content":"` + tlsaOf(8).String() + `","disabled":false}]`
	if got := a.asked[len(a.asked)-1]; !strings.Contains(got, want) || len(a.asked) != 2 {
		t.Errorf("%q", a.asked)
	}
}
