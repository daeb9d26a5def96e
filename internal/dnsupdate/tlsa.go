package dnsupdate

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/libdns/libdns"
	"golang.org/x/net/dns/dnsmessage"

	"github.com/letterlock/letterlock/internal/resolver"
	"github.com/letterlock/letterlock/tlspolicy/dane"
)

// typeTLSA is the type of TLSA records (RFC 6698 §7.1).
const typeTLSA dnsmessage.Type = 52

// TLSA is the TLSA records of a name, as the authoritative servers have them.
type TLSA struct {
	Zone, Name string // Name is at the end of the aliases; both have a final dot
	Secure     bool   // the resolver has validated its answer
	Servers    []TLSAServer
}

// TLSAServer is the answer at one address of an authoritative server.
type TLSAServer struct {
	Server  string // the name and the address
	Records []dane.TLSA
	TTL     time.Duration

	// SignedFrom and SignedUntil are the dates of the signature of the records that is
	// valid the longest. They are zero without a signature, which is not verified.
	SignedFrom, SignedUntil time.Time

	Err error // the server does not answer for the zone
}

var errNotAuthoritative = errors.New("the server does not answer for the zone")

// TLSA asks all authoritative servers for the TLSA records of a name.
func (c *Client) TLSA(ctx context.Context, name string) (TLSA, error) {
	target, zone, err := c.locate(ctx, name)
	if err != nil {
		return TLSA{}, err
	}
	found := TLSA{Zone: zone, Name: target}
	validated, err := c.Resolver.Ask(ctx, target, typeTLSA)
	if err != nil {
		return found, err // a validating resolver reports wrong signatures by an error
	}
	found.Secure = validated.Secure
	answers, err := c.askAll(ctx, zone, target, typeTLSA)
	for _, a := range answers {
		found.Servers = append(found.Servers, tlsaIn(a))
	}
	return found, err
}

func tlsaIn(a serverAnswer) TLSAServer {
	s := TLSAServer{Server: fmt.Sprintf("%s (%s)", a.server, a.address), Err: a.err}
	if s.Err == nil && !a.Authoritative {
		s.Err = errNotAuthoritative
	}
	for _, r := range a.Records {
		s.TTL = max(s.TTL, time.Duration(r.Header.TTL)*time.Second)
	}
	s.Records = TLSAIn(a.Answer)
	for _, r := range a.Signatures {
		if from, until, ok := signature(r); ok && until.After(s.SignedUntil) {
			s.SignedFrom, s.SignedUntil = from, until
		}
	}
	return s
}

// TLSAIn returns the TLSA records in an answer.
func TLSAIn(answer resolver.Answer) (found []dane.TLSA) {
	for _, r := range answer.Records {
		if body, ok := r.Body.(*dnsmessage.UnknownResource); ok {
			if record, err := dane.Parse(body.Data); err == nil {
				found = append(found, record)
			}
		}
	}
	return found
}

// signature returns the dates of a signature of TLSA records. An RRSIG record begins
// with the type that it covers, and has the dates in its bytes 8 to 16 (RFC 4034 §3.1).
func signature(r dnsmessage.Resource) (from, until time.Time, ok bool) {
	body, ok := r.Body.(*dnsmessage.UnknownResource)
	const dates = 16
	if !ok || len(body.Data) < dates || dnsmessage.Type(binary.BigEndian.Uint16(body.Data)) != typeTLSA {
		return from, until, false
	}
	return time.Unix(int64(binary.BigEndian.Uint32(body.Data[12:])), 0), time.Unix(int64(binary.BigEndian.Uint32(body.Data[8:])), 0), true
}

// AddTLSA adds records to a name in one change, where the provider can do that. Other
// records of the name stay.
func (c *Client) AddTLSA(ctx context.Context, at TLSA, records []dane.TLSA, ttl time.Duration) error {
	if c.Provider == nil {
		return errReadOnly
	}
	if _, err := c.Provider.AppendRecords(ctx, at.Zone, at.records(records, ttl)); err != nil {
		return fmt.Errorf("TLSA records of %s cannot be added: %w", at.Name, err)
	}
	return nil
}

// RemoveTLSA removes records from a name.
func (c *Client) RemoveTLSA(ctx context.Context, at TLSA, records []dane.TLSA) error {
	if c.Provider == nil {
		return errReadOnly
	}
	if _, err := c.Provider.DeleteRecords(ctx, at.Zone, at.records(records, at.ttl())); err != nil {
		return fmt.Errorf("TLSA records of %s cannot be removed: %w", at.Name, err)
	}
	return nil
}

func (t TLSA) ttl() (ttl time.Duration) {
	for _, s := range t.Servers {
		ttl = max(ttl, s.TTL)
	}
	return ttl
}

func (t TLSA) records(records []dane.TLSA, ttl time.Duration) []libdns.Record {
	all := make([]libdns.Record, len(records))
	for i, r := range records {
		all[i] = libdns.RR{Name: libdns.RelativeName(t.Name, t.Zone), TTL: ttl, Type: "TLSA", Data: r.String()}
	}
	return all
}
