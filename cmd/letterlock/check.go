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
	"github.com/letterlock/letterlock/internal/idn"
	"github.com/letterlock/letterlock/internal/resolver"
	"github.com/letterlock/letterlock/internal/scan"
)

// checked is what check has seen, as JSON too.
type checked struct {
	Services []scan.Report `json:"services"`
	Backends []attacked    `json:"backends"`
	Domains  []scan.Domain `json:"domains"`
}

// errChecked is the exit status of a look that has found something bad.
var errChecked = errors.New("something is wrong, see above")

// checkCall is what check is asked for.
type checkCall struct {
	source          *source
	host, port      string   // of a server that need not be ours; empty: the configuration's, and the services' own
	only, domains   []string // services, and domains in the DNS
	resolver, roots string
	asJSON          bool
	ui              *ui
}

// checkCommand looks at services from outside: those of the configuration, and
// their backends too, or of any host. Its exit status 1 says that something was
// found; whatever keeps it from looking is a 2.
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

// readCheck reads the call. Its argument is a host, or the file of a
// configuration, which has a name like one.
func readCheck(ui *ui, args []string) (*checkCall, error) {
	flags := flag.NewFlagSet("letterlock check", flag.ContinueOnError)
	call := &checkCall{source: sourceFlags(flags), ui: ui}
	host := flags.String("host", "", "look at `HOST[:PORT]`, which need not be ours (default the listeners of the configuration)")
	services := flags.String("service", "", "only these `SERVICE,...`")
	domains := flags.String("domain", "", "look at the MX, A and PTR records of `DOMAIN,...` too; needs --resolver")
	flags.StringVar(&call.resolver, "resolver", "", "`HOST[:PORT]` of a DNS server")
	flags.StringVar(&call.roots, "ca", "", "`FILE` of authorities to trust (default the system's)")
	flags.BoolVar(&call.asJSON, "json", false, "write JSON")
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
	return call, nil
}

// splitPort takes the port off a host; an IPv6 address has one behind brackets
// alone.
func splitPort(address string) (host, port string) {
	if host, port, err := net.SplitHostPort(address); err == nil {
		return host, port
	}
	return strings.Trim(address, "[]"), ""
}

// look looks at all that the call asks for.
func (call *checkCall) look(ctx context.Context) (seen checked, err error) {
	var c *configs.Config // nil: they are somebody else's
	if call.host == "" {
		if c, err = call.source.load(); err != nil {
			return seen, err
		}
	}
	targets, err := call.targets(c)
	if err != nil {
		return seen, err
	}
	o := scan.Options{}
	if o.Roots, err = readRoots(call.roots); err != nil {
		return seen, err
	}
	for _, name := range call.domains {
		if err := scan.CheckDomain(name); err != nil {
			return seen, err
		}
	}
	p := call.ui.progress("looking at services")
	defer p.done()
	seen = look(ctx, targets, o, p)
	if c != nil && len(call.only) == 0 {
		if seen.Backends, err = attack(ctx, c); err != nil {
			return seen, err
		}
	}
	seen.follow(ctx, call.domains, call.resolver)
	return seen, nil
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

// targets are the services of a host on their ports, that on its port, or the
// listeners of the configuration as they can be reached from here.
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

// targetsOfHost are those of a host that need not be ours. A port of which no
// service is known needs one to be named.
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

// wants reports whether the call is about a service that clients come to.
func (call *checkCall) wants(s configs.Service) bool {
	return s != configs.Smarthost && (len(call.only) == 0 || slices.Contains(call.only, string(s)))
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
