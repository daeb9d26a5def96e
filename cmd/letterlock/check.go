package main

import (
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/letterlock/letterlock/configs"
	"github.com/letterlock/letterlock/internal/app"
	"github.com/letterlock/letterlock/internal/certs"
	"github.com/letterlock/letterlock/internal/guideline"
	"github.com/letterlock/letterlock/internal/idn"
	"github.com/letterlock/letterlock/internal/resolver"
	"github.com/letterlock/letterlock/internal/scan"
)

// checked holds the results of check, and is printed with --json.
type checked struct {
	Services []scan.Report `json:"services"`
	Backends []attacked    `json:"backends"`
	Domains  []scan.Domain `json:"domains"`
	Profile  *profiled     `json:"profile,omitempty"`
}

// errChecked reports that a finding is bad; its exit status is 1.
var errChecked = errors.New("something is wrong, see above")

// checkCall holds the arguments of one call of check.
type checkCall struct {
	source          *source
	host, port      string   // of the server; empty: the listeners of the configuration, and the default ports
	only, domains   []string // services, and domains in the DNS
	resolver, roots string
	asJSON          bool
	profile         string // the name of a guideline; empty: none
	history         string // the file of earlier results
	ui              *ui
}

// checkCommand examines services from outside: those of any host, or the
// listeners of the configuration and their backends. The exit status is 1 if a
// finding is bad, and 2 if the command cannot examine anything.
func checkCommand(ui *ui, args []string) error {
	call, err := readCheck(ui, args)
	if err != nil {
		return err
	}
	seen, err := call.look(context.Background())
	if err != nil {
		return misuse{err}
	}
	return seen.print(ui, call.asJSON)
}

// readCheck parses the arguments. The positional one is a host, or the file of a
// configuration, which it recognizes by its name.
func readCheck(ui *ui, args []string) (*checkCall, error) {
	flags := flag.NewFlagSet("letterlock check", flag.ContinueOnError)
	call := &checkCall{source: sourceFlags(flags), ui: ui}
	host := flags.String("host", "", "look at `HOST[:PORT]`, which need not be ours (default the listeners of the configuration)")
	services := flags.String("service", "", "only these `SERVICE,...`")
	domains := flags.String("domain", "", "look at the MX, A and PTR records of `DOMAIN,...` too; needs --resolver")
	flags.StringVar(&call.resolver, "resolver", "", "`HOST[:PORT]` of a DNS server")
	flags.StringVar(&call.roots, "ca", "", "`FILE` of authorities to trust (default the system's)")
	flags.BoolVar(&call.asJSON, "json", false, "write JSON")
	flags.StringVar(&call.profile, "profile", "", "judge by the rules of a `GUIDELINE` too: "+strings.Join(guideline.Names(), ", "))
	flags.StringVar(&call.history, "history", "", "`FILE` of earlier results, for --profile (default check.json in state_dir)")
	var argument string
	if err := parse(ui, flags, args, &argument); err != nil {
		return nil, err
	}
	switch {
	case argument == "":
	case strings.HasSuffix(argument, ".yaml"), strings.HasSuffix(argument, ".yml"), strings.Contains(argument, "/"):
		call.source.file = argument
	case *host != "":
		return nil, ui.wrongly("check", "it takes one host, not %q and %q", *host, argument)
	default:
		*host = argument
	}
	call.host, call.port = splitPort(*host)
	call.host = idn.FoldOr(call.host)
	overrideList(&call.only, *services)
	if err := overrideNames(&call.domains, "--domain", *domains); err != nil {
		return nil, ui.wrongly("check", "%v", err)
	}
	if len(call.domains) > 0 && call.resolver == "" {
		return nil, ui.wrongly("check", "--domain needs --resolver")
	}
	if _, err := guideline.Named(call.profile); call.profile != "" && err != nil {
		return nil, ui.wrongly("check", "%v", err)
	}
	return call, nil
}

// splitPort separates a host from its port. An IPv6 address with a port needs
// brackets.
func splitPort(address string) (host, port string) {
	if host, port, err := net.SplitHostPort(address); err == nil {
		return host, port
	}
	return strings.Trim(address, "[]"), ""
}

// look examines the services, backends and domains that the call names.
func (call *checkCall) look(ctx context.Context) (seen checked, err error) {
	var c *configs.Config // nil: the services of a host are examined
	if call.host == "" {
		if c, err = call.source.load(); err != nil {
			return seen, err
		}
	}
	targets, err := call.targets(c)
	if err != nil {
		return seen, err
	}
	o := scan.Options{Groups: call.profile != ""}
	if o.Roots, err = readRoots(call.roots); err != nil {
		return seen, err
	}
	for _, name := range call.domains {
		if err := scan.CheckDomain(name); err != nil {
			return seen, err
		}
	}
	p := call.ui.progress("examining services")
	defer p.done()
	seen = look(ctx, targets, o, p)
	if c != nil && len(call.only) == 0 {
		if seen.Backends, err = attack(ctx, c); err != nil {
			return seen, err
		}
	}
	seen.follow(ctx, call.domains, call.resolver)
	if call.profile != "" {
		seen.Profile, err = call.judge(ctx, c, seen.Services)
	}
	return seen, err
}

// follow examines the MX, A and PTR records of domains.
func (seen *checked) follow(ctx context.Context, names []string, address string) {
	for _, name := range names {
		d := scan.LookDomain(ctx, resolver.Resolver{Address: withDNSPort(address)}, name)
		d.Compare(seen.Services)
		seen.Domains = append(seen.Domains, d)
	}
}

// readRoots reads a file of authorities. Without a file it returns nil, for the
// authorities of the system.
func readRoots(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	bundle, err := certs.ReadBundle(file)
	return bundle.Pool, err
}

// targets returns the services to examine: those of the host, or the listeners
// of the configuration by addresses that this machine can reach.
func (call *checkCall) targets(c *configs.Config) ([]scan.Target, error) {
	for _, name := range call.only {
		if !slices.Contains(configs.Services(), configs.Service(name)) {
			return nil, fmt.Errorf("there is no service %q", name)
		}
	}
	if c == nil {
		return call.targetsOfHost()
	}
	services, err := app.Resolve(c)
	if err != nil {
		return nil, err
	}
	var targets []scan.Target
	for _, s := range services {
		if call.wants(configs.Service(s.Name)) {
			targets = append(targets, scan.Target{
				Service: s.Name, Protocol: s.Protocol, Address: reachable(s.Address), Host: c.Hostname,
				Implicit: s.Implicit, Public: s.AllowsPlaintext(),
			})
		}
	}
	return targets, nil
}

// targetsOfHost returns the services of a host. A port that belongs to no service
// needs --service.
func (call *checkCall) targetsOfHost() ([]scan.Target, error) {
	var targets []scan.Target
	for _, service := range configs.Services() {
		port := strconv.Itoa(service.Port())
		meant := call.port == "" || call.port == port || len(call.only) > 0
		if !meant || !call.wants(service) {
			continue
		}
		targets = append(targets, scan.Target{
			Service: string(service), Protocol: service.Protocol(), Address: net.JoinHostPort(call.host, cmp.Or(call.port, port)), Host: call.host,
			Implicit: service.Implicit(), Public: service == configs.SMTP, Optional: call.port == "",
		})
	}
	if len(targets) == 0 {
		return nil, fmt.Errorf("no service is known for port %s: name it with --service", call.port)
	}
	return targets, nil
}

// wants reports whether the call includes a service, which must be an inbound one.
func (call *checkCall) wants(s configs.Service) bool {
	return !s.Outbound() && (len(call.only) == 0 || slices.Contains(call.only, string(s)))
}

// reachable returns an address on which this machine reaches a listener: loopback
// if it listens on all addresses.
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

// look examines all targets concurrently.
func look(ctx context.Context, targets []scan.Target, o scan.Options, p *progress) checked {
	seen := checked{Services: make([]scan.Report, len(targets)), Backends: []attacked{}, Domains: []scan.Domain{}}
	var running sync.WaitGroup
	var done atomic.Int64
	for i, target := range targets {
		running.Go(func() {
			seen.Services[i] = scan.Look(ctx, target, o)
			p.step(int(done.Add(1)), len(targets))
		})
	}
	running.Wait()
	return seen
}
