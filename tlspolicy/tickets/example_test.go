package tickets_test

import (
	"crypto/tls"
	"fmt"
	"time"

	"github.com/letterlock/letterlock/tlspolicy/tickets"
)

// Two instances with the same secret have the same keys at the same time. They
// need not exchange anything.
func ExampleSecret_Keys() {
	secret, err := tickets.Parse([]byte("48 random bytes in base64, from openssl rand -base64 48\n"))
	if err != nil {
		fmt.Println(err)
		return
	}
	noon := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	one, err := secret.Keys("imaps", noon)
	if err != nil {
		fmt.Println(err)
		return
	}
	two, err := secret.Keys("imaps", noon.Add(time.Hour))
	fmt.Println(one[0] == two[0], err)
	// Output: true <nil>
}

// A ring gives the configurations of listeners their keys, and new keys with
// time. Configurations with different scopes have different keys.
func ExampleRing() {
	now := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	ring := tickets.NewRing(tickets.Random())
	for _, service := range []string{"imaps", "pop3s"} {
		name, err := tickets.Scope{Service: service}.Name()
		if err != nil {
			fmt.Println(err)
			return
		}
		if err := ring.Add(name, &tls.Config{MinVersion: tls.VersionTLS12}, now); err != nil {
			fmt.Println(err)
			return
		}
	}
	fmt.Println(ring.Advance(now.Add(tickets.Turn)))
	// Output: <nil>
}
