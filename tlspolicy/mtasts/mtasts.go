// Package mtasts writes and reads MTA-STS policies (RFC 8461) and the DNS
// records that announce them. It does not fetch or serve them.
//
// Its API is stable; see package tlspolicy.
package mtasts

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"time"
)

// Path is the path of the policy on the host mta-sts.DOMAIN (RFC 8461 §3.3).
const Path = "/.well-known/mta-sts.txt"

// Policy tells senders what they may require of a domain's mail servers.
type Policy struct {
	Mode   string        // testing, enforce or none
	MaxAge time.Duration // how long senders keep it, in whole seconds
	MX     []string      // names of MX hosts, or *.example.com
}

// Text returns the policy as it is served (RFC 8461 §3.2). With mode none, it
// lists no MX hosts (§8.3).
func (p Policy) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "version: STSv1\r\nmode: %s\r\n", p.Mode)
	if p.Mode != "none" {
		for _, mx := range p.MX {
			fmt.Fprintf(&b, "mx: %s\r\n", mx)
		}
	}
	fmt.Fprintf(&b, "max_age: %d\r\n", p.MaxAge/time.Second)
	return b.String()
}

// ID returns the identifier of this version of the policy (RFC 8461 §3.1: up to
// 32 letters and digits). It is a hash of the text, so that it changes with
// every change of the policy.
func (p Policy) ID() string {
	sum := sha256.Sum256([]byte(p.Text()))
	return hex.EncodeToString(sum[:10])
}

// Record returns the TXT record that announces the policy and, by its ID, each
// change of it (RFC 8461 §3.1).
func (p Policy) Record(domain string) string {
	return fmt.Sprintf("_mta-sts.%s. IN TXT \"v=STSv1; id=%s;\"", domain, p.ID())
}

// ReportRecord returns the TXT record that asks senders to report failures to
// an address (RFC 8460 §3).
func ReportRecord(domain, address string) string {
	return fmt.Sprintf("_smtp._tls.%s. IN TXT \"v=TLSRPTv1; rua=mailto:%s\"", domain, address)
}
