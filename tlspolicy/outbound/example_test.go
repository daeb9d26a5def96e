package outbound_test

import (
	"fmt"

	"github.com/letterlock/letterlock/tlspolicy/outbound"
)

func ExampleLevel() {
	for _, name := range []string{"may", "encrypt", "secure"} {
		var level outbound.Level
		if err := level.UnmarshalText([]byte(name)); err != nil {
			fmt.Println(err)
			return
		}
		fmt.Printf("%s: TLS required %v, authenticated %v, policy %s\n", level, level.Required(), level.Proven(), level.Policy().Name)
	}
	// Output:
	// may: TLS required false, authenticated false, policy opportunistic
	// encrypt: TLS required true, authenticated false, policy compat
	// secure: TLS required true, authenticated true, policy strict
}

// At level secure the name in the certificate belongs to the domain of the mail:
// forged MX records cannot change it.
func ExampleNames() {
	for _, level := range []outbound.Level{outbound.Verify, outbound.Secure} {
		fmt.Println(level, outbound.Names(level.Match(), "mx1.provider.example", "example.com"))
	}
	// Output:
	// verify [mx1.provider.example]
	// secure [example.com .example.com]
}
