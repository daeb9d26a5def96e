package mtasts_test

import (
	"fmt"
	"strings"
	"time"

	"github.com/letterlock/letterlock/tlspolicy/mtasts"
)

// A policy has a text, which is served by HTTPS, and a record, which announces
// it in DNS.
func ExamplePolicy() {
	policy := mtasts.Policy{Mode: "enforce", MaxAge: 7 * 24 * time.Hour, MX: []string{"mx.example.com"}}
	fmt.Println(mtasts.URL("example.com"))
	fmt.Print(strings.ReplaceAll(policy.Text(), "\r\n", "\n"))
	fmt.Println(mtasts.RecordName("example.com"), len(policy.ID()) > 0)
	// Output:
	// https://mta-sts.example.com/.well-known/mta-sts.txt
	// version: STSv1
	// mode: enforce
	// mx: mx.example.com
	// max_age: 604800
	// _mta-sts.example.com true
}

func ExampleParse() {
	policy, err := mtasts.Parse("version: STSv1\nmode: enforce\nmx: *.example.com\nmax_age: 86400\n")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(policy.Matches("mx.example.com"), policy.Matches("example.com"))
	// Output: true false
}

func ExampleParseRecords() {
	id, found := mtasts.ParseRecords([]string{"v=spf1 -all", "v=STSv1; id=20261129"})
	fmt.Println(id, found)
	// Output: 20261129 true
}
