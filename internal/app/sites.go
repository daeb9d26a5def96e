package app

import (
	"net/http"

	"github.com/letterlock/letterlock/configs"
	"github.com/letterlock/letterlock/internal/sts"
	"github.com/letterlock/letterlock/tlspolicy/mtasts"
)

// sites returns what is served over HTTPS, by name: the MTA-STS policy.
func sites(c *configs.Config) map[string]http.Handler {
	all := map[string]http.Handler{}
	if c.MTASTS != nil {
		policy := sts.Handler(MTASTSPolicy(c.MTASTS))
		for _, host := range c.PolicyHosts() {
			all[host] = policy
		}
	}
	return all
}

// siteTerms describes what sites returns: equal texts mean equal sites.
func siteTerms(c *configs.Config) string {
	terms := quoted(c.PolicyHosts())
	if c.MTASTS != nil {
		terms += MTASTSPolicy(c.MTASTS).Text()
	}
	return terms
}

// MTASTSPolicy returns the MTA-STS policy of the configuration.
func MTASTSPolicy(m *configs.MTASTS) mtasts.Policy {
	return mtasts.Policy{Mode: m.Mode, MaxAge: m.MaxAge, MX: m.MX}
}
