package dnsupdate

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/libdns/libdns"
)

// powerDNS is a Provider for the API of the PowerDNS authoritative server. The package
// of libdns for it has the interface of libdns before 1.0. The API replaces all records
// of a name and type at once, so each change reads them first.
type powerDNS struct {
	url, key string
	client   *http.Client
}

// rrset is a set of records of the API.
type rrset struct {
	Name       string   `json:"name"`
	Type       string   `json:"type"`
	TTL        int      `json:"ttl"`
	ChangeType string   `json:"changetype,omitempty"`
	Records    []record `json:"records"`
}

type record struct {
	Content  string `json:"content"`
	Disabled bool   `json:"disabled"`
}

const (
	apiTimeout = 30 * time.Second
	maxReply   = 4 << 20 // bytes; a zone with many names is long
	maxReason  = 256     // bytes of a reply that an error quotes
)

var errAPI = errors.New("the API has refused the request")

func (p *powerDNS) AppendRecords(ctx context.Context, zone string, records []libdns.Record) ([]libdns.Record, error) {
	return records, p.change(ctx, zone, records, func(have []record, wanted record) []record {
		if slices.Contains(have, wanted) {
			return have
		}
		return append(have, wanted)
	})
}

func (p *powerDNS) DeleteRecords(ctx context.Context, zone string, records []libdns.Record) ([]libdns.Record, error) {
	return records, p.change(ctx, zone, records, func(have []record, unwanted record) []record {
		return slices.DeleteFunc(have, func(r record) bool { return r.Content == unwanted.Content })
	})
}

// change replaces the set of each record by what edit makes of it, all sets in one
// request.
func (p *powerDNS) change(ctx context.Context, zone string, records []libdns.Record, edit func([]record, record) []record) error {
	var sets []rrset
	for _, r := range records {
		rr := r.RR()
		name := libdns.AbsoluteName(rr.Name, zone)
		i := slices.IndexFunc(sets, func(s rrset) bool { return s.Name == name && s.Type == rr.Type })
		if i < 0 {
			have, err := p.records(ctx, zone, name, rr.Type)
			if err != nil {
				return err
			}
			sets, i = append(sets, rrset{Name: name, Type: rr.Type, TTL: int(rr.TTL.Seconds()), Records: have}), len(sets)
		}
		sets[i].Records = edit(sets[i].Records, record{Content: content(rr)})
	}
	for i := range sets {
		if sets[i].ChangeType = "REPLACE"; len(sets[i].Records) == 0 {
			sets[i].ChangeType = "DELETE"
		}
	}
	return p.request(ctx, http.MethodPatch, zone, map[string][]rrset{"rrsets": sets}, nil)
}

// content returns the data of a record as in a zone file.
func content(rr libdns.RR) string {
	if rr.Type == "TXT" {
		return strconv.Quote(rr.Data)
	}
	return rr.Data
}

func (p *powerDNS) records(ctx context.Context, zone, name, kind string) ([]record, error) {
	var reply struct {
		RRsets []rrset `json:"rrsets"`
	}
	if err := p.request(ctx, http.MethodGet, zone, nil, &reply); err != nil {
		return nil, err
	}
	for _, set := range reply.RRsets {
		if same(set.Name, name) && set.Type == kind {
			return set.Records, nil
		}
	}
	return nil, nil
}

func (p *powerDNS) request(ctx context.Context, method, zone string, body, reply any) error {
	var text bytes.Buffer
	if body != nil {
		if err := json.NewEncoder(&text).Encode(body); err != nil {
			return err
		}
	}
	r, err := http.NewRequestWithContext(ctx, method, p.url+"/api/v1/servers/localhost/zones/"+url.PathEscape(zone), &text)
	if err != nil {
		return err
	}
	r.Header.Set("X-API-Key", p.key)
	r.Header.Set("Content-Type", "application/json")
	res, err := p.client.Do(r)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	answer, err := io.ReadAll(io.LimitReader(res.Body, maxReply))
	switch {
	case err != nil:
		return err
	case res.StatusCode >= 300:
		return fmt.Errorf("%w: %s: %s", errAPI, res.Status, answer[:min(len(answer), maxReason)])
	case reply != nil:
		return json.Unmarshal(answer, reply)
	}
	return nil
}
