package configs

import (
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// requireTLS decodes true, false, or a list of networks and domains.
func (d decoder) requireTLS(n *yaml.Node, path string, into *RequireTLS) {
	const remedy = "write true, false, or a list such as [partner.example, 192.0.2.0/24]"
	switch {
	case n.Kind == yaml.ScalarNode && n.ShortTag() == "!!bool":
		into.All = strings.EqualFold(n.Value, "true")
	case n.Kind == yaml.SequenceNode:
		for i, item := range n.Content {
			at := fmt.Sprintf("%s[%d]", path, i)
			d.places[at] = place{value: item}
			d.partner(item, at, into)
		}
	default:
		d.wrong(n, path, remedy, "require_tls takes true, false or a list")
	}
}

// checkHideSTARTTLS: a client cannot be required to use TLS that is hidden from
// it, and hide_starttls is for a few networks only.
func checkHideSTARTTLS(_ *Config, l Listener, r report) {
	for i, network := range l.HideSTARTTLS {
		at := r.in("hide_starttls", i)
		switch {
		case !network.IsValid():
		case network.Bits() == 0:
			at.wrong("name the peers that fail with TLS", "%s matches every address, and all mail would arrive in plaintext", network)
		case l.RequireTLS.All || slices.ContainsFunc(l.RequireTLS.Networks, func(n Network) bool { return n.Overlaps(network.Prefix) }):
			at.wrong("remove one of the two", "hide_starttls contradicts require_tls: %s must use TLS, but STARTTLS is hidden from it", network)
		}
	}
}

// partner decodes one network or sender domain.
func (d decoder) partner(n *yaml.Node, path string, into *RequireTLS) {
	entry, ok := d.scalar(n, path, "a network or a domain")
	if !ok {
		return
	}
	if addressLike(entry) {
		var network Network
		if err := network.UnmarshalText([]byte(entry)); err != nil {
			d.wrong(n, path, networkRemedy, "%v", err)
			return
		}
		into.Networks = append(into.Networks, network)
		return
	}
	folded := foldName(entry)
	if err := legalPattern(folded); err != nil {
		d.wrong(n, path, "write a domain such as partner.example, or .partner.example for its subdomains", "%q %v", entry, err)
		return
	}
	into.Domains = append(into.Domains, folded)
}
