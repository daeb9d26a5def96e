package dnsupdate

import (
	"context"
	"fmt"
	"time"

	"github.com/libdns/libdns"
)

// Record is a record of any type.
type Record struct {
	Name string
	Type string // such as MX
	Data string // as in a zone file; of a TXT record the text, without quotes
	TTL  time.Duration
}

// Add adds a record to those of its name. Other records of the name stay.
func (c *Client) Add(ctx context.Context, r Record) error {
	zone, records, err := c.prepare(ctx, r)
	if err != nil {
		return err
	}
	if _, err := c.Provider.AppendRecords(ctx, zone, records); err != nil {
		return fmt.Errorf("the %s record of %s cannot be added: %w", r.Type, r.Name, err)
	}
	return nil
}

// Delete removes a record. Other records of the name stay.
func (c *Client) Delete(ctx context.Context, r Record) error {
	zone, records, err := c.prepare(ctx, r)
	if err != nil {
		return err
	}
	if _, err := c.Provider.DeleteRecords(ctx, zone, records); err != nil {
		return fmt.Errorf("the %s record of %s cannot be removed: %w", r.Type, r.Name, err)
	}
	return nil
}

// prepare returns a record for the Provider, and its zone. The record is at the end of the
// aliases of its name.
func (c *Client) prepare(ctx context.Context, r Record) (zone string, records []libdns.Record, err error) {
	if c.Provider == nil {
		return "", nil, errReadOnly
	}
	target, zone, err := c.locate(ctx, r.Name)
	if err != nil {
		return "", nil, err
	}
	// Some providers need the fields of the record, others its text: the parsed form
	// has both.
	record, err := libdns.RR{Name: libdns.RelativeName(target, zone), TTL: r.TTL, Type: r.Type, Data: r.Data}.Parse()
	if err != nil {
		return "", nil, fmt.Errorf("%s %s %s: %w", r.Name, r.Type, r.Data, err)
	}
	return zone, []libdns.Record{record}, nil
}
