package dnsupdate

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/libdns/libdns"
)

// route53API answers as Route 53 does: it replaces whole sets, deletes only a set that is
// sent as it is, and says INSYNC at the second question.
type route53API struct {
	*testing.T
	sets    []recordSet
	changes []recordChange
	refuse  []string // codes of errors for the next requests
	asked   int      // questions about the last change
	pending bool     // INSYNC is never said
}

func (a *route53API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	a.verify(r, body)
	if len(a.refuse) > 0 {
		code := a.refuse[0]
		a.refuse = a.refuse[1:]
		w.WriteHeader(http.StatusBadRequest)
		_, _ = fmt.Fprintf(w, `<ErrorResponse xmlns="https://route53.amazonaws.com/doc/2013-04-01/"><Error><Type>Sender</Type><Code>%s</Code><Message>not now</Message></Error></ErrorResponse>`, code)
		return
	}
	switch path := r.URL.Path; {
	case path == "/2013-04-01/hostedzonesbyname":
		_, _ = io.WriteString(w, `<ListHostedZonesByNameResponse><HostedZones>
			<HostedZone><Id>/hostedzone/ZPRIVATE</Id><Name>example.test.</Name><Config><PrivateZone>true</PrivateZone></Config></HostedZone>
			<HostedZone><Id>/hostedzone/ZPUBLIC</Id><Name>example.test.</Name><Config><PrivateZone>false</PrivateZone></Config></HostedZone>
			<HostedZone><Id>/hostedzone/ZOTHER</Id><Name>sub.example.test.</Name></HostedZone></HostedZones></ListHostedZonesByNameResponse>`)
	case path == "/2013-04-01/hostedzone/ZPUBLIC/rrset" && r.Method == http.MethodGet:
		a.list(w, r.URL.Query().Get("name"), r.URL.Query().Get("type"))
	case path == "/2013-04-01/hostedzone/ZPUBLIC/rrset":
		a.change(w, body)
	case path == "/2013-04-01/change/C1":
		status := "INSYNC"
		if a.asked++; a.asked < 2 || a.pending {
			status = "PENDING"
		}
		_, _ = fmt.Fprintf(w, `<GetChangeResponse><ChangeInfo><Id>/change/C1</Id><Status>%s</Status></ChangeInfo></GetChangeResponse>`, status)
	default:
		http.NotFound(w, r)
	}
}

// verify signs a request again, in the form in which it has arrived, and compares the
// signatures.
func (a *route53API) verify(r *http.Request, body []byte) {
	at, err := time.Parse("20060102T150405Z", r.Header.Get("X-Amz-Date"))
	if err != nil {
		a.Error(err)
	}
	again := httptest.NewRequestWithContext(a.Context(), r.Method, "http://"+r.Host+r.URL.RequestURI(), bytes.NewReader(body))
	sum := sha256.Sum256(body)
	key := aws.Credentials{AccessKeyID: "AKID", SecretAccessKey: "very/secret", SessionToken: "session"}
	if err := v4.NewSigner().SignHTTP(a.Context(), key, again, hex.EncodeToString(sum[:]), "route53", "us-east-1", at); err != nil {
		a.Error(err)
	}
	if signed, want := r.Header.Get("Authorization"), again.Header.Get("Authorization"); signed != want {
		a.Errorf("the request is signed with %q, not %q", signed, want)
	}
}

// list writes the first set that is not before a name and type, as the API does.
func (a *route53API) list(w http.ResponseWriter, name, kind string) {
	at := slices.IndexFunc(a.sets, func(s recordSet) bool { return s.Name == name && s.Type == kind })
	answer := struct {
		XMLName xml.Name    `xml:"ListResourceRecordSetsResponse"`
		Sets    []recordSet `xml:"ResourceRecordSets>ResourceRecordSet"`
	}{Sets: a.sets[max(at, 0):min(max(at, 0)+1, len(a.sets))]}
	_ = xml.NewEncoder(w).Encode(answer)
}

func (a *route53API) change(w http.ResponseWriter, body []byte) {
	var batch changeBatch
	if err := xml.Unmarshal(body, &batch); err != nil {
		a.Error(err)
	}
	for _, c := range batch.Changes {
		a.changes = append(a.changes, c)
		i := slices.IndexFunc(a.sets, func(s recordSet) bool { return s.Name == c.Set.Name && s.Type == c.Set.Type })
		switch {
		case c.Action == "UPSERT" && i >= 0:
			a.sets[i] = c.Set
		case c.Action == "UPSERT":
			a.sets = append(a.sets, c.Set)
		case i < 0 || !reflect.DeepEqual(a.sets[i], c.Set):
			a.Errorf("%s of %+v, but there is %+v", c.Action, c.Set, a.sets)
		default:
			a.sets = slices.Delete(a.sets, i, i+1)
		}
	}
	a.asked = 0
	_, _ = io.WriteString(w, `<ChangeResourceRecordSetsResponse><ChangeInfo><Id>/change/C1</Id><Status>PENDING</Status></ChangeInfo></ChangeResourceRecordSetsResponse>`)
}

func newRoute53(t *testing.T) (*route53, *route53API) {
	t.Helper()
	a := &route53API{T: t, sets: []recordSet{{Name: "a.example.test.", Type: "A", TTL: 300, Values: []string{"192.0.2.1"}}}}
	server := httptest.NewServer(a)
	t.Cleanup(server.Close)
	p, err := NewProvider(Options{Method: Route53, Secret: "access_key_id = AKID\nsecret_access_key = very/secret\nsession_token=session\n"})
	if err != nil {
		t.Fatal(err)
	}
	r := p.(*route53)
	if r.url != "https://route53.amazonaws.com" {
		t.Error(r.url)
	}
	r.url, r.poll = server.URL, time.Millisecond
	return r, a
}

func tlsaRecord(digest string) libdns.Record {
	return libdns.RR{Name: "_25._tcp.mail", TTL: time.Hour, Type: "TLSA", Data: "3 1 1 " + digest}
}

// Two TLSA records of a name are one set: a record is added to the other, and removed
// from it, and the last one with the set.
func TestRoute53(t *testing.T) {
	t.Parallel()
	p, a := newRoute53(t)
	set := func(values ...string) []recordSet {
		return []recordSet{a.sets[0], {Name: "_25._tcp.mail.example.test.", Type: "TLSA", TTL: 3600, Values: values}}
	}
	add := func(r libdns.Record) error {
		_, err := p.AppendRecords(t.Context(), "example.test.", []libdns.Record{r})
		return err
	}
	remove := func(r libdns.Record) error {
		_, err := p.DeleteRecords(t.Context(), "example.test.", []libdns.Record{r})
		return err
	}
	for _, step := range []struct {
		name    string
		do      func(libdns.Record) error
		record  libdns.Record
		want    []recordSet
		changes int
	}{
		{"first", add, tlsaRecord("aa"), set("3 1 1 aa"), 1},
		{"second", add, tlsaRecord("bb"), set("3 1 1 aa", "3 1 1 bb"), 2},
		{"again", add, tlsaRecord("BB"), set("3 1 1 aa", "3 1 1 bb"), 2},
		{"absent", remove, tlsaRecord("cc"), set("3 1 1 aa", "3 1 1 bb"), 2},
		{"one of two", remove, tlsaRecord("AA"), set("3 1 1 bb"), 3},
		{"the last", remove, tlsaRecord("bb"), a.sets[:1:1], 4},
		{"from no set", remove, tlsaRecord("bb"), a.sets[:1:1], 4},
	} {
		if err := step.do(step.record); err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		if !reflect.DeepEqual(a.sets, step.want) || len(a.changes) != step.changes {
			t.Fatalf("%s: %+v after %d changes", step.name, a.sets, len(a.changes))
		}
		if step.changes > 0 && a.asked != 2 {
			t.Errorf("%s: %d questions whether the servers have it", step.name, a.asked)
		}
	}
	if err := add(libdns.TXT{Name: "_acme-challenge", TTL: time.Minute, Text: "Text"}); err != nil {
		t.Fatal(err)
	}
	if err := add(libdns.TXT{Name: "_acme-challenge", TTL: time.Minute, Text: "text"}); err != nil || !slices.Equal(a.sets[1].Values, []string{`"Text"`, `"text"`}) {
		t.Errorf("%v, %+v", err, a.sets)
	}
}

// Requests that the API is too busy for are repeated, others are not. No error has the
// secret.
func TestRoute53Refuses(t *testing.T) {
	t.Parallel()
	p, a := newRoute53(t)
	add := func(zone string) error {
		_, err := p.AppendRecords(t.Context(), zone, []libdns.Record{tlsaRecord("aa")})
		return err
	}
	a.refuse = []string{"Throttling", "PriorRequestNotComplete"}
	if err := add("example.test."); err != nil || len(a.sets) != 2 {
		t.Errorf("%v, %+v", err, a.sets)
	}
	a.refuse = []string{"AccessDenied", "AccessDenied"}
	err := add("example.test.")
	if err == nil || !strings.Contains(err.Error(), "AccessDenied: not now") || strings.Contains(fmt.Sprintf("%+v", err), "secret") || len(a.refuse) != 1 {
		t.Errorf("%v, %q", err, a.refuse)
	}
	a.refuse = nil
	if err := add("other.test."); err == nil || !strings.Contains(err.Error(), "no public zone") {
		t.Error(err)
	}
	a.sets = []recordSet{{Name: "_25._tcp.mail.example.test.", Type: "TLSA", Set: "eu", TTL: 60, Values: []string{"3 1 1 bb"}}}
	if err := add("example.test."); err == nil || !strings.Contains(err.Error(), "routing policy") {
		t.Error(err)
	}
}

// A change that the servers of Route 53 never have is an error when the time is over.
func TestRoute53IsPending(t *testing.T) {
	t.Parallel()
	p, a := newRoute53(t)
	a.pending = true
	p.time = 2 * time.Second
	_, err := p.AppendRecords(t.Context(), "example.test.", []libdns.Record{tlsaRecord("aa")})
	if err == nil || !strings.Contains(err.Error(), "C1 is not at all servers") {
		t.Error(err)
	}
}
