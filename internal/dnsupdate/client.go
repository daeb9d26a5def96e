// Package dnsupdate sets and removes TXT and TLSA records in DNS, and finds out which
// authoritative servers of the zone have them. A [Provider] makes the change: by
// RFC 2136, by the API of a DNS host, or by a command.
//
// The name may be an alias. The record is then set at the end of its CNAME records, so
// that a zone that must not be changed can delegate single names to another zone.
package dnsupdate

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/libdns/libdns"
	"golang.org/x/net/dns/dnsmessage"

	"github.com/letterlock/letterlock/internal/resolver"
)

// Provider changes the records of a zone. The implementations of libdns are providers.
type Provider interface {
	libdns.RecordAppender
	libdns.RecordDeleter
}

// Client sets records with a Provider.
type Client struct {
	Provider Provider // nil: records can only be read
	Resolver resolver.Resolver

	// Timeout is the longest wait for the authoritative servers. Zero: two minutes.
	Timeout time.Duration

	// Port is the port of authoritative servers; empty: 53.
	Port string
}

// Change is a record that was set.
type Change struct {
	zone, name string // with a final dot
	text       string
}

const (
	defaultTimeout = 2 * time.Minute
	pollTime       = 2 * time.Second
	recordTTL      = time.Minute // short, because the record is removed soon
)

var errReadOnly = errors.New("no provider that changes records is configured")

// Set adds a TXT record to those of a name. Other records of the name stay. The record may
// be there already: another instance may have set it.
func (c *Client) Set(ctx context.Context, name, text string) (Change, error) {
	if c.Provider == nil {
		return Change{}, errReadOnly
	}
	target, zone, err := c.locate(ctx, name)
	if err != nil {
		return Change{}, err
	}
	change := Change{zone: zone, name: target, text: text}
	if _, err := c.Provider.AppendRecords(ctx, zone, change.records()); err != nil && !c.present(ctx, change) {
		return Change{}, fmt.Errorf("the record %s cannot be set: %w", target, err)
	}
	return change, nil
}

// present reports whether an authoritative server has a record.
func (c *Client) present(ctx context.Context, change Change) bool {
	answers, _ := c.askAll(ctx, change.zone, change.name, dnsmessage.TypeTXT)
	return slices.ContainsFunc(answers, func(a serverAnswer) bool { return slices.Contains(textsIn(a.Answer), change.text) })
}

// RemoveLeft removes a TXT record that another process has set, if it is there.
func (c *Client) RemoveLeft(ctx context.Context, name, text string) error {
	target, zone, err := c.locate(ctx, name)
	if err != nil {
		return err
	}
	change := Change{zone: zone, name: target, text: text}
	if !c.present(ctx, change) {
		return nil
	}
	return c.Remove(ctx, change)
}

// Remove removes a record that Set has added.
func (c *Client) Remove(ctx context.Context, change Change) error {
	if _, err := c.Provider.DeleteRecords(ctx, change.zone, change.records()); err != nil {
		return fmt.Errorf("the record %s %q cannot be removed: %w", change.name, change.text, err)
	}
	return nil
}

func (c Change) records() []libdns.Record {
	return []libdns.Record{libdns.TXT{Name: libdns.RelativeName(c.name, c.zone), TTL: recordTTL, Text: c.text}}
}

// Wait waits until every authoritative server of the zone has the record. A CA may ask
// any of them.
func (c *Client) Wait(ctx context.Context, change Change) error {
	timeout := c.Timeout
	if timeout == 0 {
		timeout = defaultTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	var err error
	for {
		found := c.published(ctx, change)
		switch {
		case found == nil:
			return nil
		case err == nil || ctx.Err() == nil: // the deadline has not cut this check short
			err = found
		}
		select {
		case <-time.After(pollTime):
		case <-ctx.Done():
			return fmt.Errorf("the record %s is not at every server after %s: %w", change.name, timeout, err)
		}
	}
}

// published returns an error that names the first server without the record.
func (c *Client) published(ctx context.Context, change Change) error {
	answers, err := c.askAll(ctx, change.zone, change.name, dnsmessage.TypeTXT)
	if err != nil {
		return err
	}
	for _, a := range answers {
		switch {
		case a.err != nil:
			return fmt.Errorf("%s: %w", a.server, a.err)
		case !slices.Contains(textsIn(a.Answer), change.text):
			return fmt.Errorf("%s (%s): %w", a.server, a.address, errAbsent)
		}
	}
	return nil
}
