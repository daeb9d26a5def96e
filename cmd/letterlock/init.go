package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/letterlock/letterlock/configs"
	"github.com/letterlock/letterlock/internal/app"
	"github.com/letterlock/letterlock/internal/survey"
)

// initCall holds the flags of one call of init, and the answers to its questions.
type initCall struct {
	ui       *ui
	backend  string
	hostname string
	services []string // empty: all that answer
	domains  []string // smtp: empty: by the hostname
	cert     configs.Certificate
	email    string // ACME; empty: none
	output   output
	yes      bool // ask nothing

	known []survey.Service // the services to look for
}

var errNoAnswer = errors.New("no mail service answers there: give --services for those that are to be written all the same")

// initCommand writes a first configuration. It asks on a terminal, and examines
// the mail server. It writes the file last, so that an interrupt leaves none.
func initCommand(ui *ui, args []string) error {
	call, err := readInit(ui, args)
	if err != nil {
		return err
	}
	return call.run()
}

// run asks the questions, examines and probes the server, and writes the file.
func (call *initCall) run() error {
	ctx := context.Background()
	if err := call.output.free(); err != nil {
		return err
	}
	if err := call.ask(); err != nil {
		return err
	}
	seen, err := call.look(ctx)
	if err != nil {
		return err
	}
	if err := call.askDomains(seen); err != nil {
		return err
	}
	d := &draft{call: call, seen: seen}
	probed, err := call.probe(ctx, d.text())
	if err != nil {
		return err
	}
	d.probed = probed
	if err := call.confirm(); err != nil {
		return err
	}
	if err := call.output.write(call.ui, d.text()); err != nil {
		return err
	}
	call.report(d)
	if app.Dangerous(probed) {
		return app.ErrDanger
	}
	return nil
}

// readInit parses the arguments. A missing one is an error unless there is a
// terminal, on which init asks for it.
func readInit(ui *ui, args []string) (*initCall, error) {
	flags := flag.NewFlagSet("letterlock init", flag.ContinueOnError)
	call := &initCall{ui: ui, known: survey.Services()}
	flags.StringVar(&call.backend, "backend", "", "the `HOST` of the mail server, without a port")
	flags.StringVar(&call.hostname, "hostname", "", "the proxy's `NAME` (default the machine's)")
	services := flags.String("services", "", "the `SERVICE,...` to offer (default those that the server answers)")
	recipients := flags.String("recipients", "", "the `DOMAIN,...` that mail is received for (default by the hostname)")
	ports := flags.String("ports", "", "the server's ports, `SERVICE=PORT,...`, where they are not the usual ones")
	certificates := flags.String("certificates", "", "the files `CERT,KEY` (default a self-signed certificate)")
	flags.StringVar(&call.email, "acme-email", "", "get certificates from Let's Encrypt, which may write to `ADDRESS`")
	flags.BoolVar(&call.yes, "yes", false, "ask nothing")
	call.output.flags(flags, "letterlock.yaml")
	if err := parse(ui, flags, args, nil); err != nil {
		return nil, err
	}
	overrideList(&call.services, *services)
	overrideList(&call.domains, *recipients)
	if *certificates != "" {
		cert, key, ok := strings.Cut(*certificates, ",")
		if !ok {
			key = cert // both may be in one file
		}
		call.cert = configs.Certificate{Cert: cert, Key: key}
	}
	if err := call.setPorts(*ports); err != nil {
		return nil, ui.wrongly("init", "%v", err)
	}
	for _, name := range call.services {
		if !slices.Contains(configs.Inbound(), configs.Service(name)) {
			return nil, ui.wrongly("init", "the service %q does not exist", name)
		}
	}
	if call.backend == "" && (call.yes || !ui.interactive) {
		return nil, ui.wrongly("init", "give --backend HOST; standard input is not a terminal to ask on, or --yes was given")
	}
	return call, nil
}

// setPorts reads --ports, which are ports without implicit TLS.
func (call *initCall) setPorts(text string) error {
	var all []string
	overrideList(&all, text)
	for _, one := range all {
		name, port, _ := strings.Cut(one, "=")
		number, err := strconv.ParseUint(port, 10, 16)
		i := slices.IndexFunc(call.known, func(s survey.Service) bool { return s.Name == name })
		if i < 0 || err != nil || number == 0 {
			return fmt.Errorf("%q is not SERVICE=PORT; the services are smtp, submission, imap, pop3 and sieve", one)
		}
		call.known[i].Port = int(number)
	}
	return nil
}

// ask asks for what must be known before the look.
func (call *initCall) ask() error {
	machine, _ := os.Hostname() // a default may be missing
	questions := []struct {
		into                *string
		question, otherwise string
	}{
		{&call.backend, "Host of the mail server", ""},
		{&call.hostname, "Name of this proxy", machine},
	}
	for _, q := range questions {
		if *q.into != "" {
			continue
		}
		answer, err := call.answer(q.question, q.otherwise)
		if err != nil {
			return err
		}
		*q.into = answer
	}
	if call.cert.Cert == "" && call.email == "" {
		return call.askCertificate()
	}
	return nil
}

// askCertificate asks where certificates come from.
func (call *initCall) askCertificate() error {
	answer, err := call.answer("Certificate: file of the chain, an e-mail address for Let's Encrypt, or none for a self-signed one", "none")
	switch {
	case err != nil || answer == "none":
		return err
	case strings.Contains(answer, "@"):
		call.email = answer
		return nil
	}
	call.cert.Cert = answer
	call.cert.Key, err = call.answer("File of its key", answer)
	return err
}

// askDomains asks for the domains of mail, if the server takes mail.
func (call *initCall) askDomains(seen []survey.Seen) error {
	offered := func(s survey.Seen) bool { return s.Name == "smtp" && s.Err == nil }
	if len(call.domains) > 0 || !slices.ContainsFunc(seen, offered) {
		return nil
	}
	answer, err := call.answer("Domains that mail is received for", strings.Join(configs.OwnDomains(call.hostname), ","))
	overrideList(&call.domains, answer)
	return err
}

// confirm asks before the file is written.
func (call *initCall) confirm() error {
	answer, err := call.answer("Write "+call.output.file+"?", "yes")
	if err == nil && !strings.HasPrefix(strings.ToLower(answer), "y") {
		err = errors.New("nothing was written")
	}
	return err
}

// answer asks a question on the terminal. It returns the default for an empty
// answer, with --yes, and without a terminal.
func (call *initCall) answer(question, otherwise string) (string, error) {
	if call.yes || !call.ui.interactive {
		return otherwise, nil
	}
	for {
		answer, err := call.ui.ask(question, otherwise)
		if err != nil || answer != "" {
			return answer, err
		}
	}
}

// look examines the services of the server.
func (call *initCall) look(ctx context.Context) ([]survey.Seen, error) {
	wanted := call.known
	if len(call.services) > 0 {
		wanted = slices.DeleteFunc(slices.Clone(wanted), func(s survey.Service) bool { return !call.wants(s) })
	}
	p := call.ui.progress("examining " + call.backend)
	defer p.done()
	seen := survey.Look(ctx, call.backend, call.hostname, wanted, func(done int) { p.step(done, len(wanted)) })
	if len(call.services) == 0 && !slices.ContainsFunc(seen, func(s survey.Seen) bool { return s.Err == nil }) {
		return nil, fmt.Errorf("%s: %w; %w", call.backend, seen[0].Err, errNoAnswer)
	}
	return seen, nil
}

// wants reports whether --services names the service, or the one with TLS from
// the first byte.
func (call *initCall) wants(s survey.Service) bool {
	return slices.Contains(call.services, s.Name) || slices.Contains(call.services, s.Name+"s")
}

// probe checks the configuration, and then tests the server as a client could
// through the proxy.
func (call *initCall) probe(ctx context.Context, text string) ([]app.Probed, error) {
	c, err := configs.Parse(call.output.file, []byte(text))
	if err != nil {
		return nil, err
	}
	p := call.ui.progress("probing " + call.backend)
	defer p.done()
	return app.ProbeBackends(ctx, c)
}

// report prints the next steps.
func (call *initCall) report(d *draft) {
	call.ui.errorf("%s is written, with %s; next: letterlock config check --probe %[1]s, then letterlock serve %[1]s", call.output.file, count(d.listeners, "listener"))
}
