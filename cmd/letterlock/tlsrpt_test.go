package main

import (
	"encoding/json"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/letterlock/letterlock/internal/inventory"
	"github.com/letterlock/letterlock/tlspolicy"
)

const tlsReport = `{"organization-name":"Example\u001b[31m Mail","date-range":{"start-datetime":"%s","end-datetime":"2035-01-01T23:59:59Z"},"report-id":"1",
"policies":[{"policy":{"policy-type":"sts","policy-domain":"example.com"},"summary":{"total-successful-session-count":7,"total-failure-session-count":2},
"failure-details":[{"result-type":"validation-failure","sending-mta-ip":"192.0.2.25","receiving-mx-hostname":"mail.example.com","failed-session-count":2}]}]}`

// A report is printed with the failed handshakes of the same network, and no control
// character of it reaches the terminal.
func TestReadTLSReports(t *testing.T) {
	folder := t.TempDir()
	keeper := inventory.Keep(inventory.Options{File: filepath.Join(folder, "inventory.db"), Entries: 1000, Age: time.Hour, Report: func(error) {}})
	for _, address := range []string{"192.0.2.99", "198.51.100.1"} {
		keeper.Record(inventory.Entry{
			Key:   inventory.Key{Kind: inventory.Failure, Service: "smtp", Class: "version", Offer: tlspolicy.Offer{}},
			Value: inventory.Value{Address: netip.MustParseAddr(address)},
		})
	}
	keeper.Close()
	config := writeFile(t, "state_dir: "+folder+"\nlisteners: [{service: imaps, backend: b}]\n")
	report := writeFile(t, strings.Replace(tlsReport, "%s", time.Now().Add(-time.Hour).UTC().Format(time.RFC3339), 1))
	status, out, said := words("tlsrpt", "read", report, "--config", config)
	for _, want := range []string{
		"example.com  by Example?[31m Mail, policy sts: 7 sessions succeeded, 2 failed\n",
		"  2 validation-failure, from 192.0.2.25, at mail.example.com\n    here: handshakes of 192.0.2.0/24 failed 1 times",
	} {
		if status != exitOK || !strings.Contains(out, want) || strings.Contains(out, "198.51") {
			t.Errorf("%d %q %q", status, out, said)
		}
	}
	status, out, _ = words("tlsrpt", "read", "--json", report)
	var rows []reportRow
	if err := json.Unmarshal([]byte(out), &rows); status != exitOK || err != nil || len(rows) != 1 || len(rows[0].Failures[0].Own) != 0 {
		t.Errorf("%d %q, %v", status, out, err)
	}
	for want, args := range map[int][]string{exitFailed: {"tlsrpt", "read", config}, exitUsage: {"tlsrpt", "read"}} {
		if status, _, said := words(args...); status != want {
			t.Errorf("%q: %d %s", args, status, said)
		}
	}
}
