package app

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"net/http"
	"slices"

	"github.com/letterlock/letterlock/configs"
	"github.com/letterlock/letterlock/internal/autoconfig"
	"github.com/letterlock/letterlock/internal/sts"
	"github.com/letterlock/letterlock/tlspolicy/mtasts"
)

// sites returns what is served over HTTPS, by name: the MTA-STS policy, and the settings
// of mail programs. Certificates returns those of a name.
func sites(c *configs.Config, certificates func(host string) []tls.Certificate, log *slog.Logger) map[string]http.Handler {
	all := map[string]http.Handler{}
	if c.MTASTS != nil {
		policy := sts.Handler(MTASTSPolicy(c.MTASTS))
		for _, host := range c.PolicyHosts() {
			all[host] = policy
		}
	}
	if c.Autoconfig != nil {
		settings := autoconfig.Handler(autoconfig.Options{Settings: autoconfigOf(c), Certificates: certificates, Log: log})
		for _, host := range c.AutoconfigHosts() {
			all[host] = settings
		}
	}
	return all
}

// siteTerms describes what sites returns: equal texts mean equal sites.
func siteTerms(c *configs.Config) string {
	terms := quoted(c.SiteHosts())
	if c.MTASTS != nil {
		terms += MTASTSPolicy(c.MTASTS).Text()
	}
	if c.Autoconfig != nil {
		terms += fmt.Sprintf("%#v", autoconfigOf(c))
	}
	return terms
}

// MTASTSPolicy returns the MTA-STS policy of the configuration.
func MTASTSPolicy(m *configs.MTASTS) mtasts.Policy {
	return mtasts.Policy{Mode: m.Mode, MaxAge: m.MaxAge, MX: m.MX}
}

// autoconfigOf returns the settings of mail programs, as the listeners accept them.
func autoconfigOf(c *configs.Config) autoconfig.Settings {
	a := c.Autoconfig
	settings := autoconfig.Settings{Domains: a.Domains, Name: a.Name, LocalPart: a.Username == "local_part"}
	for _, s := range c.ClientServices() {
		if s.Service == configs.Sieve {
			continue // none of the formats has it
		}
		hidden := slices.Contains(s.HideMechanisms, "PLAIN") && slices.Contains(s.HideMechanisms, "LOGIN")
		protocol := s.Service.Protocol()
		settings.Servers = append(settings.Servers, autoconfig.Server{
			Protocol: protocol, Host: s.Host, Port: s.Port, Implicit: s.Service.Implicit(),
			Challenge: hidden && protocol == "smtp", // IMAP and POP3 have commands of their own
		})
	}
	return settings
}
