package main

import (
	"context"
	"strings"
	"time"

	"github.com/letterlock/letterlock/internal/dnsupdate"
	"github.com/letterlock/letterlock/internal/records"
)

// updater changes records in DNS; *dnsupdate.Client is the only one.
type updater interface {
	Add(context.Context, dnsupdate.Record) error
	Delete(context.Context, dnsupdate.Record) error
}

// recordTTL is the TTL of records that --set adds.
const recordTTL = time.Hour

// apply makes a change, or without --set prints it, and reports whether the record has
// been added.
func (r *dnsReport) apply(record records.Record, change records.Change) (added bool) {
	if r.updater == nil {
		return false
	}
	if change.Manual != "" {
		r.ui.printf(";   not added: %s\n", change.Manual)
		return false
	}
	if change.Add {
		added = r.change("add", updated(record, record.Data), r.updater.Add)
	}
	for _, old := range change.Remove {
		if added || !change.Add || !r.set {
			r.change("remove", updated(record, old), r.updater.Delete)
		}
	}
	return added
}

// change makes one change, or without --set prints it, and reports whether it has been
// made.
func (r *dnsReport) change(verb string, record dnsupdate.Record, do func(context.Context, dnsupdate.Record) error) bool {
	done := map[string]string{"add": "added", "remove": "removed"}[verb]
	if !r.set {
		r.ui.printf(";   --set %ss %s\n", verb, record.Data)
		return false
	}
	if err := do(r.ctx, record); err != nil {
		r.ui.printf(";   NOT %s: %v\n", strings.ToUpper(done), err)
		r.failed++
		return false
	}
	r.ui.printf(";   %s: %s\n", done, record.Data)
	return true
}

// updated returns a record with data as in a zone file.
func updated(record records.Record, data string) dnsupdate.Record {
	if record.Type == "TXT" {
		data = strings.TrimSuffix(strings.TrimPrefix(data, `"`), `"`)
	}
	return dnsupdate.Record{Name: record.Name, Type: record.Type, Data: data, TTL: recordTTL}
}

// addTLSA adds a TLSA record, and reports whether it has. A key may get a record
// only if it stays: a record of a key that is no longer used stops mail.
func (r *dnsReport) addTLSA(name, data string, stays, secure bool) bool {
	switch {
	case !secure:
		r.ui.printf(";   not added: the resolver has not validated the zone, and without DNSSEC the record means nothing\n")
	case !stays:
		r.ui.printf(";   not added: the next renewal may change the key; add the record by hand, or use acme.dane\n")
	default:
		return r.change("add", dnsupdate.Record{Name: name, Type: "TLSA", Data: data, TTL: recordTTL}, r.updater.Add)
	}
	return false
}
