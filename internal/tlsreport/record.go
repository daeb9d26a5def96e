package tlsreport

import (
	"context"
	"net/mail"
	"net/url"
	"strings"

	"golang.org/x/net/dns/dnsmessage"
)

const version = "v=TLSRPTv1"

// Lookup returns the TXT record in which a domain asks for reports (RFC 8460 §3);
// empty: it does not, or has several.
func Lookup(ctx context.Context, dns DNS, domain string) (record string, err error) {
	answer, err := dns.Ask(ctx, "_smtp._tls."+domain, dnsmessage.TypeTXT)
	if err != nil {
		return "", err
	}
	var records []string
	for _, resource := range answer.Records {
		if txt, ok := resource.Body.(*dnsmessage.TXTResource); ok {
			if text := strings.Join(txt.TXT, ""); text == version || strings.HasPrefix(text, version+";") {
				records = append(records, text)
			}
		}
	}
	if len(records) == 1 {
		return records[0], nil
	}
	return "", nil
}

// Address is a place that a domain wants reports at: one of the fields is set.
type Address struct {
	Mail string // a mail address
	URL  string // of a web server, https
}

func (a Address) String() string {
	if a.Mail != "" {
		return "mailto:" + a.Mail
	}
	return a.URL
}

// The bounds on the addresses in a record, which the owner of the domain chooses.
const (
	maxAddresses = 5
	maxMail      = 254  // bytes (RFC 5321 §4.5.3.1.3)
	maxURL       = 1000 // bytes
)

// Addresses returns the addresses in a record (RFC 8460 §3). It leaves out those that
// cannot be used, and all but the first five.
func Addresses(record string) (all []Address) {
	for field := range strings.SplitSeq(record, ";") {
		name, value, _ := strings.Cut(field, "=")
		if strings.TrimSpace(name) != "rua" {
			continue
		}
		for text := range strings.SplitSeq(value, ",") {
			if a, ok := parseAddress(strings.TrimSpace(text)); ok && len(all) < maxAddresses {
				all = append(all, a)
			}
		}
	}
	return all
}

func parseAddress(text string) (Address, bool) {
	if len(text) > maxURL {
		return Address{}, false
	}
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return Address{}, false
	case u.Scheme == "https":
		return Address{URL: text}, u.Hostname() != "" && u.User == nil
	case u.Scheme != "mailto":
		return Address{}, false
	}
	address, err := url.PathUnescape(u.Opaque)
	if err != nil || len(address) > maxMail || strings.ContainsFunc(address, func(r rune) bool { return r <= ' ' || r >= 0x7f || strings.ContainsRune(`<>()[],;:\"`, r) }) {
		return Address{}, false
	}
	parsed, err := mail.ParseAddress(address)
	return Address{Mail: address}, err == nil && parsed.Address == address
}
