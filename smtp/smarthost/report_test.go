package smarthost_test

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	gosmtp "github.com/emersion/go-smtp"
	"golang.org/x/net/dns/dnsmessage"

	"github.com/letterlock/letterlock/configs"
	"github.com/letterlock/letterlock/internal/nexthop"
	"github.com/letterlock/letterlock/internal/resolver"
	"github.com/letterlock/letterlock/tlspolicy/mtasts"
	"github.com/letterlock/letterlock/tlspolicy/outbound"
)

// stsPolicies are MTA-STS policies by domain.
type stsPolicies map[string]mtasts.Policy

func (p stsPolicies) Lookup(_ context.Context, domain string) (mtasts.Policy, bool, error) {
	policy, found := p[domain]
	if policy.Mode == "unavailable" {
		return policy, false, &mtasts.Unavailable{Err: errors.New("404")}
	}
	return policy, found, nil
}

// withoutTLSA is DNS that cannot look TLSA records up.
type withoutTLSA struct{ nexthop.DNS }

func (d withoutTLSA) Ask(ctx context.Context, name string, kind dnsmessage.Type) (resolver.Answer, error) {
	if kind == 52 {
		return resolver.Answer{}, errors.New("SERVFAIL")
	}
	return d.DNS.Ask(ctx, name, kind)
}

// The results of TLS with a domain's own servers go to tlsrpt-collectd, if the domain
// asks for reports.
func TestResultsAreReported(t *testing.T) {
	const host = "mx1.example.net"
	for name, tt := range map[string]struct {
		rules nexthop.Rules
		cert  string // the name in the certificate; empty: no STARTTLS
		mode  string // of the MTA-STS policy; empty: none; tlsa: TLSA records cannot be looked up; unusable: none can be used
		rcpt  string
		want  string // in the datagram
	}{
		"success":              {heeded, host, "", "250", `"policies":[{"policy-type":9,"policy-domain":"example.net","t":0,"f":0}]`},
		"no STARTTLS":          {heeded, "", "", "250", `"c":201,"s":"127.0.0.1","n":"mx1.example.net"`},
		"no STARTTLS, refused": {heeded, "", "enforce", "451 4.7.4", `"policy-type":2`},
		"enforced":             {heeded, host, "enforce", "250", `"mx-host":["*.example.net"],"t":0,"f":0`},
		"the wrong name":       {heeded, "other.example", "enforce", "451 4.7.5", `"c":202`},
		"the same in testing":  {heeded, "other.example", "testing", "250", `"policy-string":["version: STSv1","mode: testing","mx: *.example.net","max_age: 86400"]`},
		"a level of its own":   {nexthop.Rules{Level: outbound.Verify}, "other.example", "", "451 4.7.5", `"policy-type":9,"policy-domain":"example.net","failure-details":[{"c":202`},
		"not in the policy":    {heeded, host, "other", "451 4.7.5", `"mx-host":["mx.other.example"],"failure-details":[{"c":205,"n":"mx1.example.net","f":`},
		"no policy to be had":  {heeded, host, "unavailable", "250", `{"policy-type":2,"policy-domain":"example.net","failure-details":[{"c":301,"f":"the MTA-STS policy cannot be had: 404"}],"t":1,"f":1}`},
		"unusable TLSA":        {heeded, host, "unusable", "250", `{"policy-type":1,"policy-domain":"mx1.example.net","policy-string":["1 1 1 00"],"failure-details":[{"c":304,"s":"127.0.0.1","n":"mx1.example.net","r":"127.`},
		"unusable, required":   {nexthop.Rules{Level: outbound.DANEOnly}, host, "unusable", "451 4.7.5", `{"policy-type":1,"policy-domain":"mx1.example.net","policy-string":["1 1 1 00"],"failure-details":[{"c":304,"n":"mx1.example.net","f":"no TLSA record is usable"}],"t":1,"f":1}`},
		"TLSA required":        {nexthop.Rules{Level: outbound.DANEOnly}, host, "", "451 4.7.5", `{"policy-type":1,"policy-domain":"mx1.example.net","failure-details":[{"c":306,"n":"mx1.example.net","f":"there is no TLSA record that DNSSEC secures"}],"t":1,"f":1}`},
		"no TLSA to be had":    {heeded, host, "tlsa", "451 4.7.5", `{"policy-type":1,"policy-domain":"mx1.example.net","failure-details":[{"c":305,"n":"mx1.example.net","f":"the TLSA records could not be looked up`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, b := newWorld(t), &inbox{}
			serve := b.serveWith(func(*gosmtp.Server) {})
			if tt.cert != "" {
				serve = b.serve(w.ca.ECDSA(t, tt.cert))
			}
			w.domain("example.net", tt.rules, serve)
			policy := mtasts.Policy{Mode: tt.mode, MaxAge: 24 * time.Hour, MX: []string{"*.example.net"}}
			switch tt.mode {
			case "":
			case "tlsa":
				w.finder.DNS = withoutTLSA{w.finder.DNS}
			case "unusable":
				w.tlsa("example.net", 1, 1, 1, 0)
			case "other":
				policy.Mode, policy.MX = "enforce", []string{"mx.other.example"}
				fallthrough
			default:
				w.finder.Policies = stsPolicies{"example.net": policy}
			}
			w.dns.Set("_smtp._tls.example.net", &dnsmessage.TXTResource{TXT: []string{"v=TLSRPTv1; rua=mailto:tls@example.net"}})
			socket := filepath.Join(t.TempDir(), "collectd")
			collectd, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = collectd.Close() })
			w.config.Smarthost.TLSRPT = &configs.TLSRPT{Socket: socket}
			c := w.session()
			c.command("MAIL FROM:<a@example.com>", "250")
			c.command("RCPT TO:<b@example.net>", tt.rcpt)
			_ = collectd.SetReadDeadline(time.Now().Add(patience))
			buffer := make([]byte, 65536)
			var text string
			for !strings.Contains(text, tt.want) {
				n, err := collectd.Read(buffer)
				if err != nil || !json.Valid(buffer[:n]) {
					t.Fatalf("%s lacks %s: %v", text, tt.want, err)
				}
				text += string(buffer[:n]) + "\n"
			}
		})
	}
}
