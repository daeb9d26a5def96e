package main

import (
	"flag"
	"net"
	"net/netip"
	"strconv"

	"github.com/letterlock/letterlock/configs"
	"github.com/letterlock/letterlock/internal/app"
	"github.com/letterlock/letterlock/internal/certs"
	"github.com/letterlock/letterlock/internal/demo"
)

// The ports of the demo: that of a service is its standard port plus demoPort.
const (
	demoPort   = 10000
	demoStatus = 18080
)

const demoHost = "localhost"

func demoCommand(ui *ui, args []string) error {
	flags := flag.NewFlagSet("letterlock demo", flag.ContinueOnError)
	listen := flags.String("listen", "127.0.0.1", "`ADDRESS` to listen on")
	if err := parse(ui, flags, args, nil); err != nil {
		return err
	}
	backends, err := demo.Start("127.0.0.1", demoHost)
	if err != nil {
		return err
	}
	defer func() { _ = backends.Close() }()
	c := demoConfig(backends, *listen)
	pair, err := certs.SelfSigned(demoHost, 2048)
	if err != nil {
		return err
	}
	return serve(ui, c, app.Options{Certificates: certs.NewStore(pair)}, process{started: func() { ui.printf(demoText, *listen, demoStatusHost(*listen)) }})
}

// demoConfig returns the configuration of the demo, whose backends are the
// built-in servers.
func demoConfig(b *demo.Server, listen string) *configs.Config {
	c := configs.Default()
	c.Hostname = demoHost
	c.Probe = new(bool) // the built-in servers are known
	c.Inventory.Keep = false
	c.Status.Listen = net.JoinHostPort(demoStatusHost(listen), strconv.Itoa(demoStatus))
	backends := map[string]string{"imap": b.IMAP(), "pop3": b.POP3(), "sieve": b.Sieve(), "smtp": b.Submission()}
	for _, service := range configs.Inbound() {
		l := configs.Listener{
			Service: service, Listen: net.JoinHostPort(listen, strconv.Itoa(demoPort+service.Port())),
			Backend: backends[service.Protocol()],
		}
		if service == configs.SMTP {
			l.Backend, l.Recipients = b.SMTP(), []string{"example.com"}
		}
		c.Listeners = append(c.Listeners, l)
	}
	return &c
}

// demoStatusHost returns the address of the status page, which has no password: never
// one that others can reach.
func demoStatusHost(listen string) string {
	if a, err := netip.ParseAddr(listen); err == nil && !a.IsLoopback() {
		return "127.0.0.1"
	}
	return listen
}

const demoText = `Letterlock demo on %[1]s: user demo, password demo, mail for any address at example.com.
The certificate is self-signed, the mailbox lives in memory. End it with Ctrl-C.

  smtp 10025   submission 10587   submissions 10465   sieve 14190
  imap 10143   imaps 10993        pop3 10110          pop3s 10995
  status page http://%[2]s:18080/

Try:
  swaks --server %[1]s:10025 --tls --to you@example.com --from me@example.net
  swaks --server %[1]s:10587 --tls --auth-user demo --auth-password demo --to you@example.com --from demo@example.com
  curl --insecure --user demo:demo imaps://%[1]s:10993/INBOX
  curl --insecure --ssl-reqd --user demo:demo pop3://%[1]s:10110/
  openssl s_client -quiet -crlf -connect %[1]s:10143 -starttls imap
`
