// Package mtasts writes MTA-STS policies (RFC 8461) as their domain publishes
// them: the text, the handler that serves it, the DNS records; and reads those
// of others.
package mtasts

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// Path is where the policy is served, at mta-sts.DOMAIN (RFC 8461 §3.3).
const Path = "/.well-known/mta-sts.txt"

// Policy tells senders what to hold a domain's mail servers to.
type Policy struct {
	Mode   string        // testing, enforce or none
	MaxAge time.Duration // how long senders remember it, in whole seconds
	MX     []string      // names of MX hosts, or *.example.com
}

// Text is the policy as it is served (RFC 8461 §3.2). One of mode none names
// no MX, as it is there to be forgotten (§8.3).
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

// ID tells one policy from the next (RFC 8461 §3.1: up to 32 letters and
// digits). It follows from the text, so that it cannot be forgotten.
func (p Policy) ID() string {
	sum := sha256.Sum256([]byte(p.Text()))
	return hex.EncodeToString(sum[:10])
}

// Handler serves the policy, whatever the domain, and nothing else.
func (p Policy) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+Path, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = w.Write([]byte(p.Text()))
	})
	return mux
}

// Record is the TXT record by which a sender learns that there is a policy,
// and when it has changed (RFC 8461 §3.1).
func (p Policy) Record(domain string) string {
	return fmt.Sprintf("_mta-sts.%s. IN TXT \"v=STSv1; id=%s;\"", domain, p.ID())
}

// ReportRecord asks senders for reports on failures (RFC 8460 §3).
func ReportRecord(domain, address string) string {
	return fmt.Sprintf("_smtp._tls.%s. IN TXT \"v=TLSRPTv1; rua=mailto:%s\"", domain, address)
}
