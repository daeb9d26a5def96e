package configs

import (
	"fmt"
	"slices"
	"strings"
)

// describeACME describes where certificates come from, and what else the ACME
// sockets serve.
func describeACME(b *strings.Builder, c *Config) {
	if hosts := c.general().Hosts; len(hosts) > 0 {
		fmt.Fprintf(b, "certificate: ECDSA and RSA by ACME for %s, self-signed until they are there\n", strings.Join(hosts, ", "))
	}
	if a := c.ACME; a != nil {
		fmt.Fprintf(b, "acme: from %s, challenges answered on %s\n", a.Directory, strings.Join(slices.DeleteFunc([]string{a.HTTP, a.TLSALPN}, func(s string) bool { return s == "" }), " and "))
	}
	if m := c.MTASTS; m != nil {
		fmt.Fprintf(b, "mta-sts: mode %s for %s, valid for %s, MX %s, served by HTTPS on %s\n",
			m.Mode, strings.Join(m.Domains, ", "), short(m.MaxAge), strings.Join(m.MX, ", "), c.ACME.TLSALPN)
	}
}
