package dnsupdate

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/libdns/libdns"
)

// route53 is a Provider for Amazon's Route 53. The API replaces all records of a name and
// type at once, so each change reads them first. The package of libdns for it fails where
// a name has two values. Only the signer of Amazon's SDK is used: the SDK's client and its
// sources of credentials would make the program 6 MB larger.
type route53 struct {
	url         string
	credentials aws.Credentials
	client      *http.Client
	poll        time.Duration // the first pause between two requests about the same change
	time        time.Duration // bounds a change, until all servers of Route 53 have it
}

const (
	route53URL  = "https://route53.amazonaws.com"
	route53Poll = time.Second
	route53Time = 3 * time.Minute
	route53Slow = 30 * time.Second
)

var (
	errRoute53     = errors.New("the file must contain the lines access_key_id= and secret_access_key=, and perhaps session_token=")
	errRoute53Zone = errors.New("the account has no public zone for it")
)

// parseRoute53 reads the access key from lines of the form name=value.
func parseRoute53(text string) (Provider, error) {
	values := assignments(text)
	p := &route53{url: route53URL, client: &http.Client{Timeout: apiTimeout}, poll: route53Poll, time: route53Time, credentials: aws.Credentials{
		AccessKeyID: values["access_key_id"], SecretAccessKey: values["secret_access_key"], SessionToken: values["session_token"],
	}}
	if !p.credentials.HasKeys() {
		return nil, errRoute53
	}
	return p, nil
}

// recordSet is a set of records of the API.
type recordSet struct {
	Name   string
	Type   string
	Set    string   `xml:"SetIdentifier,omitempty"` // of a routing policy; empty: none
	TTL    int      `xml:",omitempty"`
	Values []string `xml:"ResourceRecords>ResourceRecord>Value"`
}

func (p *route53) AppendRecords(ctx context.Context, zone string, records []libdns.Record) ([]libdns.Record, error) {
	return records, p.change(ctx, zone, records, func(have []string, wanted string) []string {
		if slices.ContainsFunc(have, func(value string) bool { return sameValue(value, wanted) }) {
			return have
		}
		return append(have, wanted)
	})
}

func (p *route53) DeleteRecords(ctx context.Context, zone string, records []libdns.Record) ([]libdns.Record, error) {
	return records, p.change(ctx, zone, records, func(have []string, unwanted string) []string {
		return slices.DeleteFunc(have, func(value string) bool { return sameValue(value, unwanted) })
	})
}

// sameValue compares two values. Hexadecimal digits may have either case; TXT records are
// quoted, and their case counts.
func sameValue(a, b string) bool {
	return a == b || !strings.HasPrefix(a, `"`) && strings.EqualFold(a, b)
}

// change replaces the set of each record by the values that edit returns, all sets in one
// request, and waits until all servers have them.
func (p *route53) change(ctx context.Context, zone string, records []libdns.Record, edit func([]string, string) []string) error {
	ctx, cancel := context.WithTimeout(ctx, p.time)
	defer cancel()
	id, err := p.zone(ctx, zone)
	if err != nil {
		return err
	}
	var before, after []recordSet
	for _, r := range records {
		rr := r.RR()
		name := libdns.AbsoluteName(rr.Name, zone)
		i := slices.IndexFunc(before, func(s recordSet) bool { return same(s.Name, name) && s.Type == rr.Type })
		if i < 0 {
			have, err := p.records(ctx, id, name, rr.Type)
			if err != nil {
				return err
			}
			i, before = len(before), append(before, have)
			have.TTL, have.Values = int(rr.TTL.Seconds()), slices.Clone(have.Values)
			after = append(after, have)
		}
		after[i].Values = edit(after[i].Values, content(rr))
	}
	var batch changeBatch
	for i, set := range after {
		switch {
		case len(set.Values) > 0 && !slices.Equal(set.Values, before[i].Values):
			batch.Changes = append(batch.Changes, recordChange{"UPSERT", set})
		case len(set.Values) == 0 && len(before[i].Values) > 0:
			batch.Changes = append(batch.Changes, recordChange{"DELETE", before[i]}) // with its TTL: the API compares all
		}
	}
	if len(batch.Changes) == 0 {
		return nil
	}
	return p.submit(ctx, id, batch)
}

// changeBatch is a request to change sets of records.
type changeBatch struct {
	XMLName xml.Name       `xml:"https://route53.amazonaws.com/doc/2013-04-01/ ChangeResourceRecordSetsRequest"`
	Changes []recordChange `xml:"ChangeBatch>Changes>Change"`
}

type recordChange struct {
	Action string
	Set    recordSet `xml:"ResourceRecordSet"`
}

// submit sends a change, and waits until the API says INSYNC.
func (p *route53) submit(ctx context.Context, zone string, batch changeBatch) error {
	body, err := xml.Marshal(batch)
	if err != nil {
		return err
	}
	var reply struct {
		ID     string `xml:"ChangeInfo>Id"`
		Status string `xml:"ChangeInfo>Status"`
	}
	if err := p.request(ctx, http.MethodPost, "/2013-04-01/hostedzone/"+zone+"/rrset", nil, body, &reply); err != nil {
		return err
	}
	id := strings.TrimPrefix(reply.ID, "/change/")
	for wait := p.poll; reply.Status != "INSYNC"; wait = min(2*wait, route53Slow) {
		if err := pause(ctx, wait); err != nil {
			return fmt.Errorf("change %s is not at all servers of Route 53: %w", id, err)
		}
		if err := p.request(ctx, http.MethodGet, "/2013-04-01/change/"+url.PathEscape(id), nil, nil, &reply); err != nil {
			return err
		}
	}
	return nil
}

// pause waits, unless ctx ends first.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// zone returns the identifier of the public zone with a name. Private zones are for the
// networks of the account.
func (p *route53) zone(ctx context.Context, name string) (string, error) {
	var reply struct {
		Zones []struct {
			ID      string `xml:"Id"`
			Name    string
			Private bool `xml:"Config>PrivateZone"`
		} `xml:"HostedZones>HostedZone"`
	}
	query := url.Values{"dnsname": {strings.ToLower(name)}, "maxitems": {"100"}}
	if err := p.request(ctx, http.MethodGet, "/2013-04-01/hostedzonesbyname", query, nil, &reply); err != nil {
		return "", err
	}
	for _, zone := range reply.Zones {
		if same(zone.Name, name) && !zone.Private {
			return url.PathEscape(strings.TrimPrefix(zone.ID, "/hostedzone/")), nil
		}
	}
	return "", fmt.Errorf("%s: %w", name, errRoute53Zone)
}

// records returns the set of records of a name and a type, which may be empty.
func (p *route53) records(ctx context.Context, zone, name, kind string) (recordSet, error) {
	var reply struct {
		Sets []recordSet `xml:"ResourceRecordSets>ResourceRecordSet"`
	}
	query := url.Values{"name": {name}, "type": {kind}, "maxitems": {"1"}}
	if err := p.request(ctx, http.MethodGet, "/2013-04-01/hostedzone/"+zone+"/rrset", query, nil, &reply); err != nil {
		return recordSet{}, err
	}
	for _, set := range reply.Sets {
		switch {
		case !same(strings.ReplaceAll(set.Name, `\052`, "*"), name) || set.Type != kind:
		case set.Set != "" || len(set.Values) == 0:
			return recordSet{}, fmt.Errorf("%s %s: %w", name, kind, errRouting)
		default:
			return set, nil
		}
	}
	return recordSet{Name: name, Type: kind}, nil
}

var errRouting = errors.New("the record is an alias of Route 53, or has a routing policy: it is not changed")

// request sends a request, and again after pauses while the API is busy, until ctx ends.
func (p *route53) request(ctx context.Context, method, path string, query url.Values, body []byte, reply any) error {
	for wait := p.poll; ; wait = min(2*wait, route53Slow) {
		err := p.once(ctx, method, path, query, body, reply)
		var refused *route53Error
		if !errors.As(err, &refused) || !refused.busy() {
			return err
		}
		if pause(ctx, wait) != nil {
			return err
		}
	}
}

// route53Error is an error reply of the API.
type route53Error struct {
	status  int
	Code    string   `xml:"Error>Code"`
	Message string   `xml:"Error>Message"`
	Batch   []string `xml:"Messages>Message"` // of InvalidChangeBatch
}

func (e *route53Error) Error() string {
	text := strings.Join(append([]string{e.Message}, e.Batch...), " ")
	return fmt.Sprintf("%v: %d %s: %s", errAPI, e.status, e.Code, text[:min(len(text), maxReason)])
}

// busy reports whether the same request may succeed later.
func (e *route53Error) busy() bool {
	switch e.Code {
	case "Throttling", "ThrottlingException", "PriorRequestNotComplete", "ServiceUnavailable":
		return true
	}
	return e.status >= http.StatusInternalServerError
}

func (p *route53) once(ctx context.Context, method, path string, query url.Values, body []byte, reply any) error {
	r, err := http.NewRequestWithContext(ctx, method, p.url+path+"?"+query.Encode(), bytes.NewReader(body))
	if err != nil {
		return err
	}
	sum := sha256.Sum256(body)
	// Route 53 has one endpoint, whose region is us-east-1.
	if err := v4.NewSigner().SignHTTP(ctx, p.credentials, r, hex.EncodeToString(sum[:]), "route53", "us-east-1", time.Now()); err != nil {
		return err
	}
	res, err := p.client.Do(r)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	answer, err := io.ReadAll(io.LimitReader(res.Body, maxReply))
	if err != nil {
		return err
	}
	if res.StatusCode >= 300 {
		refused := &route53Error{status: res.StatusCode}
		_ = xml.Unmarshal(answer, refused) // without a text the status says enough
		return refused
	}
	return xml.Unmarshal(answer, reply)
}
