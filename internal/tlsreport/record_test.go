package tlsreport

import (
	"fmt"
	"strings"
	"testing"
)

// The owner of a domain chooses the record.
func TestH26_Addresses(t *testing.T) {
	for record, want := range map[string]string{
		"v=TLSRPTv1; rua=mailto:tls@a.example":                                   "[mailto:tls@a.example]",
		"v=TLSRPTv1;rua=mailto:tls@a.example,https://a.example/report?x=1 ; y=2": "[mailto:tls@a.example https://a.example/report?x=1]",
		"v=TLSRPTv1; rua = mailto:t%2Bls@a.example?subject=x":                    "[mailto:t+ls@a.example]",
		"v=TLSRPTv1": "[]",
		"v=TLSRPTv1; rua=http://a.example/, ftp://a.example, https://, https://u:p@a.example/, mailto:a": "[]",
		"v=TLSRPTv1; rua=mailto:a%0d%0aRCPT@a.example, mailto:a%3eb@a.example, mailto:%zz@a.example":     "[]",
		"v=TLSRPTv1; rua=mailto:a@b.example%2Cc@d.example":                                               "[]",
		"v=TLSRPTv1; rua=mailto:" + strings.Repeat("a", 250) + "@a.example":                              "[]",
		"v=TLSRPTv1; rua=https://a.example/" + strings.Repeat("a", 1000):                                 "[]",
	} {
		if got := fmt.Sprint(Addresses(record)); got != want {
			t.Errorf("%s: %s", record, got)
		}
	}
	if n := len(Addresses("v=TLSRPTv1; rua=" + strings.Repeat("https://a.example/,", 20))); n != maxAddresses {
		t.Errorf("%d addresses", n)
	}
}

// Some senders write policy-string and mx-host as a single string.
func TestReadSingleStrings(t *testing.T) {
	text := strings.NewReplacer(`["version: STSv1"]`, `"version: STSv1"`, `["*.mail.company-y.example"]`, `{}`).Replace(example)
	all, err := Read([]byte(text))
	if err != nil || len(all) != 1 || fmt.Sprint(all[0].Policies[0].Policy.Lines, all[0].Policies[0].Policy.MX) != "[version: STSv1] []" {
		t.Errorf("%+v, %v", all, err)
	}
}
