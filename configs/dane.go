package configs

import (
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"time"
)

// ACMEDANE changes the keys of certificates at renewals, together with their
// TLSA records (RFC 7671 §8.1).
type ACMEDANE struct {
	// The hosts that have TLSA records: MX hosts in zones that DNSSEC signs. A
	// certificate for one of them gets a new key at each renewal, once its
	// record is at all DNS servers. Before you take a host out, remove its
	// records. Default: the names by acme that listeners of service smtp use.
	Hosts []string `yaml:"hosts" example:"[smtp.example.com]"`

	// The ports that the records are for. Default: [25].
	Ports []int `yaml:"ports" min:"1" example:"[25]"`

	// dns: acme.dns sets and removes the records. hand: you do, and letterlock
	// tlsa prints them. Default: dns if acme.dns changes records, else hand.
	Publish string `yaml:"publish" words:"dns hand" example:"dns"`

	// The TTL of the first records of a name. Later ones get the TTL that the
	// name has.
	TTL time.Duration `yaml:"ttl" default:"1h" min:"1s" max:"24h"`
}

// Changes reports whether the method changes records.
func (d *ACMEDNS) Changes() bool { return d != nil && d.Method != "persist" }

// completeDANE sets the defaults, which depend on the listeners.
func (c *Config) completeDANE() {
	if c.ACME == nil || c.ACME.DANE == nil {
		return
	}
	d := c.ACME.DANE
	setDefaults(reflect.ValueOf(d).Elem())
	foldNames(d.Hosts)
	if len(d.Hosts) == 0 {
		d.Hosts = c.mailExchangers()
	}
	if len(d.Ports) == 0 {
		d.Ports = []int{SMTP.Port()}
	}
	if d.Publish == "" {
		d.Publish = "hand"
		if c.ACME.DNS.Changes() {
			d.Publish = "dns"
		}
	}
}

// mailExchangers lists the names by ACME of the listeners that other mail
// servers send to.
func (c *Config) mailExchangers() (hosts []string) {
	for _, set := range c.Served() {
		if !slices.ContainsFunc(set.Listeners, func(l Listener) bool { return l.Service == SMTP }) {
			continue
		}
		for _, host := range set.Hosts {
			if _, err := netip.ParseAddr(host); err != nil && !strings.HasPrefix(host, "*.") {
				hosts = append(hosts, host)
			}
		}
	}
	return distinct(hosts)
}

// DANEHosts returns those of the hosts with TLSA records that a certificate is
// for, itself or by a wildcard.
func (c *Config) DANEHosts(names []string) (hosts []string) {
	if c.ACME == nil || c.ACME.DANE == nil {
		return nil
	}
	for _, host := range c.ACME.DANE.Hosts {
		if certified(names, host) {
			hosts = append(hosts, host)
		}
	}
	return hosts
}

// checkACMEDANE reports hosts whose certificates have another source, and
// records that nothing could set.
func checkACMEDANE(c *Config, at report) {
	d := c.ACME.DANE
	if d == nil {
		return
	}
	if len(d.Hosts) == 0 {
		at.wrong("write hosts: and the MX hosts with TLSA records", "dane has no hosts: no listener of service smtp has a name by acme")
	}
	for i, host := range d.Hosts {
		checkPublicName(host, at.in("hosts", i))
		if !certified(c.MailHosts(), host) {
			at.in("hosts", i).wrong("write one of acme.hosts, or a name of acme_hosts of a listener", "%q has no certificate by acme", host)
		}
	}
	for i, port := range d.Ports {
		if port < 1 || port > 65535 {
			at.in("ports", i).wrong("write a number from 1 to 65535", "%d is not a port", port)
		}
	}
	if d.Publish == "dns" && !c.ACME.DNS.Changes() {
		at.in("publish").wrong("write acme.dns with a method that changes records, or publish: hand", "acme.dns does not change records")
	}
}
