package main

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/letterlock/letterlock/configs"
	"github.com/letterlock/letterlock/internal/idn"
	"github.com/letterlock/letterlock/internal/resolver"
	"github.com/letterlock/letterlock/internal/scan"
	"github.com/letterlock/letterlock/tlspolicy/certs"
)

// checked is what check has seen, as JSON too.
type checked struct {
	Services []scan.Report `json:"services"`
	Backends []attacked    `json:"backends"`
	Domains  []scan.Domain `json:"domains"`
}

// errChecked is the exit status of a look that has found something bad.
var errChecked = errors.New("something is wrong, see above")

// checkCommand looks at services from outside: those of the configuration, and
// their backends too, or of any host.
func checkCommand(ui *ui, args []string) error {
	flags := flag.NewFlagSet("letterlock check", flag.ContinueOnError)
	source := sourceFlags(flags)
	host := flags.String("host", "", "look at this `NAME`, which need not be ours (default the listeners of the configuration)")
	services := flags.String("service", "", "only these `SERVICE,...`")
	domains := flags.String("domain", "", "look at the MX, A and PTR records of `DOMAIN,...` too; needs --resolver")
	address := flags.String("resolver", "", "`HOST[:PORT]` of a DNS server")
	roots := flags.String("ca", "", "`FILE` of authorities to trust (default the system's)")
	asJSON := flags.Bool("json", false, "write JSON")
	if err := parse(ui, flags, args); err != nil {
		return err
	}
	var names, only []string
	*host = idn.FoldOr(*host)
	if err := overrideNames(&names, "--domain", *domains); err != nil {
		ui.errorf("%v", err)
		return errUsage
	}
	overrideList(&only, *services)
	if len(names) > 0 && *address == "" {
		ui.errorf("check --domain needs --resolver")
		return errUsage
	}
	var c *configs.Config // nil: they are somebody else's
	if *host == "" {
		var err error
		if c, err = source.load(); err != nil {
			return err
		}
	}
	targets, err := checkTargets(c, *host, only)
	if err != nil {
		return err
	}
	o := scan.Options{}
	if o.Roots, err = readRoots(*roots); err != nil {
		return err
	}
	for _, name := range names {
		if err := scan.CheckDomain(name); err != nil {
			return err
		}
	}
	seen := look(context.Background(), targets, o)
	if c != nil && len(only) == 0 {
		if seen.Backends, err = attack(context.Background(), c); err != nil {
			return err
		}
	}
	seen.follow(context.Background(), names, *address)
	return seen.tell(ui, *asJSON)
}

// follow looks at domains in the DNS.
func (seen *checked) follow(ctx context.Context, names []string, address string) {
	for _, name := range names {
		d := scan.LookDomain(ctx, resolver.Resolver{Address: withDNSPort(address)}, name)
		d.Compare(seen.Services)
		seen.Domains = append(seen.Domains, d)
	}
}

// readRoots reads a file of authorities; without one there are the system's.
func readRoots(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	bundle, err := certs.ReadBundle(file)
	return bundle.Pool, err
}

// checkTargets are all services of a host on their ports, or the listeners of
// the configuration as they can be reached from here.
func checkTargets(c *configs.Config, host string, only []string) ([]scan.Target, error) {
	for _, name := range only {
		if !slices.Contains(configs.Services(), configs.Service(name)) {
			return nil, fmt.Errorf("there is no service %q", name)
		}
	}
	var targets []scan.Target
	add := func(l configs.Listener, host, address string) {
		if l.Service == configs.Smarthost || len(only) > 0 && !slices.Contains(only, string(l.Service)) {
			return
		}
		targets = append(targets, scan.Target{
			Service: string(l.Service), Protocol: l.Service.Protocol(), Address: address, Host: host,
			Implicit: l.Service.Implicit(), Optional: c == nil, Public: l.Service == configs.SMTP && !l.RequireTLS.All,
		})
	}
	if c == nil {
		for _, service := range configs.Services() {
			add(configs.Listener{Service: service}, host, net.JoinHostPort(host, strconv.Itoa(service.Port())))
		}
		return targets, nil
	}
	for _, l := range c.Listeners {
		add(l, c.Hostname, reachable(l.Listen))
	}
	return targets, nil
}

// reachable is where a listener on all addresses is found on this machine.
func reachable(listen string) string {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return listen
	}
	switch host {
	case "", "0.0.0.0":
		host = "127.0.0.1"
	case "::":
		host = "::1"
	}
	return net.JoinHostPort(host, port)
}

// look looks at all at once.
func look(ctx context.Context, targets []scan.Target, o scan.Options) checked {
	seen := checked{Services: make([]scan.Report, len(targets)), Backends: []attacked{}, Domains: []scan.Domain{}}
	var running sync.WaitGroup
	for i, target := range targets {
		running.Go(func() { seen.Services[i] = scan.Look(ctx, target, o) })
	}
	running.Wait()
	return seen
}

// tell prints what was seen, and fails if any of it is bad.
func (seen checked) tell(ui *ui, asJSON bool) error {
	if asJSON {
		text, err := json.MarshalIndent(seen, "", "  ")
		if err != nil {
			return err
		}
		ui.printf("%s\n", text)
	}
	bad := !slices.ContainsFunc(seen.Services, func(r scan.Report) bool { return r.Reachable })
	show := func(findings []scan.Finding) {
		for _, f := range findings {
			bad = bad || f.Severity == scan.Bad
			if !asJSON {
				ui.printf("  %-13s%s\n", strings.ToUpper(string(f.Severity))+":", f.Text)
			}
		}
	}
	for i, r := range seen.Services {
		if !asJSON {
			if i > 0 {
				ui.printf("\n")
			}
			tellService(ui, r)
		}
		show(r.Findings)
	}
	for _, b := range seen.Backends {
		if !asJSON && len(b.Findings) > 0 {
			ui.printf("\nbackend %s of %s\n", b.Address, b.Service)
		}
		show(b.Findings)
	}
	for _, d := range seen.Domains {
		if !asJSON {
			tellDomain(ui, d)
		}
		show(d.Findings)
	}
	if bad {
		return errChecked
	}
	return nil
}

func tellService(ui *ui, r scan.Report) {
	ui.printf("%s on %s\n", r.Service, r.Address)
	if !r.TLS {
		return
	}
	ui.printf("  %-13s%s\n", "versions:", strings.Join(r.Versions, " "))
	ui.printf("  %-13s%s\n", "suites:", strings.Join(r.Suites, " "))
	ui.printf("  %-13s%s, until %s\n", "certificate:", strings.Join(r.Names, ", "), r.Expires.Format("2006-01-02"))
}

func tellDomain(ui *ui, d scan.Domain) {
	ui.printf("\ndomain %s\n", d.Name)
	for _, s := range d.Servers {
		var addresses []string
		for _, a := range s.Addresses {
			addresses = append(addresses, a.String())
		}
		ui.printf("  %-13s%s: %s\n", "server:", s.Name, strings.Join(addresses, " "))
	}
}
