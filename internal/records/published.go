package records

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/letterlock/letterlock/internal/resolver"
)

// typeCAA is the type of CAA records (RFC 8659 §4).
const typeCAA dnsmessage.Type = 257

var kinds = map[string]dnsmessage.Type{
	"MX": dnsmessage.TypeMX, "SRV": dnsmessage.TypeSRV, "TXT": dnsmessage.TypeTXT, "CNAME": dnsmessage.TypeCNAME, "CAA": typeCAA,
}

// Published reports whether DNS has a record, or one that serves the same purpose, and
// lists the other records of its name and type.
func Published(ctx context.Context, dns resolver.Resolver, r Record) (ok bool, others []string, err error) {
	answer, err := dns.Ask(ctx, r.Name, kinds[r.Type])
	if err != nil {
		return false, nil, err
	}
	for _, found := range answer.Records {
		data := dataOf(found.Body)
		switch {
		case data == "":
		case serves(r, data):
			ok = true
		default:
			others = append(others, data)
		}
	}
	if r.Type == "CNAME" && !ok {
		ok, err = hasAddress(ctx, dns, r.Name)
	}
	return ok, others, err
}

func hasAddress(ctx context.Context, dns resolver.Resolver, name string) (bool, error) {
	for _, kind := range []dnsmessage.Type{dnsmessage.TypeA, dnsmessage.TypeAAAA} {
		answer, err := dns.Ask(ctx, name, kind)
		if err != nil || len(answer.Records) > 0 {
			return err == nil, err
		}
	}
	return false, nil
}

// dataOf writes a record as in a zone file; empty if its type is unknown.
func dataOf(body dnsmessage.ResourceBody) string {
	switch b := body.(type) {
	case *dnsmessage.MXResource:
		return fmt.Sprintf("%d %s", b.Pref, b.MX)
	case *dnsmessage.SRVResource:
		return fmt.Sprintf("%d %d %d %s", b.Priority, b.Weight, b.Port, b.Target)
	case *dnsmessage.TXTResource:
		return `"` + strings.Join(b.TXT, "") + `"`
	case *dnsmessage.CNAMEResource:
		return b.CNAME.String()
	case *dnsmessage.UnknownResource:
		return caaData(b)
	}
	return ""
}

// caaData reads flags, the length of the tag, the tag and the value (RFC 8659 §4.1).
func caaData(b *dnsmessage.UnknownResource) string {
	const head = 2
	if b.Type != typeCAA || len(b.Data) < head || len(b.Data) < head+int(b.Data[1]) {
		return ""
	}
	tag, value := b.Data[head:head+int(b.Data[1])], b.Data[head+int(b.Data[1]):]
	return fmt.Sprintf("%d %s %q", b.Data[0], tag, value)
}

// serves reports whether a published record serves the purpose of the wanted one. The
// preference of an MX record, the priority and weight of an SRV record, the address for
// reports and the parameters of a CA are the administrator's choice.
func serves(r Record, data string) bool {
	if strings.HasPrefix(r.Name, "_smtp._tls.") {
		return strings.HasPrefix(data, `"v=TLSRPTv1;`)
	}
	wanted, have := strings.Fields(strings.ToLower(r.Data)), strings.Fields(strings.ToLower(data))
	switch r.Type {
	case "MX":
		wanted, have = wanted[1:], have[1:]
	case "SRV":
		wanted, have = wanted[2:], have[2:]
	case "CAA":
		wanted, have = []string{wanted[1], strings.Trim(wanted[2], `"`)}, []string{have[1], strings.Trim(have[2], `";`)}
	case "TXT":
		return strings.ReplaceAll(r.Data, `" "`, "") == data // long records have several strings
	}
	return slices.Equal(wanted, have)
}
