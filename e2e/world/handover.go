package world

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"text/template"
)

// Believers are a Postfix and a Dovecot that believe what the proxy on
// 127.0.0.1 tells them of its clients.
type Believers struct {
	Dir              string
	Ports            BelieverPorts
	Postfix, Dovecot *Process
}

// BelieverPorts are where they listen. Those behind a header take nothing
// without one.
type BelieverPorts struct {
	SMTP, SMTPBehindHeader int // Postfix
	IMAP, IMAPBehindHeader int // Dovecot
	POP3, POP3BehindHeader int
	Submission, Sieve      int
}

// BelieverPassword is that of every user.
const BelieverPassword = "word-of-everybody"

// StartBelievers starts both. They end with their Stop.
func (w *World) StartBelievers() (*Believers, error) {
	b := &Believers{Dir: filepath.Join(w.Dir, "believers")}
	p := &b.Ports
	err := errors.Join(
		freePorts(&p.SMTP, &p.SMTPBehindHeader, &p.IMAP, &p.IMAPBehindHeader, &p.POP3, &p.POP3BehindHeader, &p.Submission, &p.Sieve),
		w.folders("believers/postfix", "believers/queue", "believers/data", "believers/home"),
	)
	if err != nil {
		return nil, err
	}
	err = errors.Join(
		give(filepath.Join(b.Dir, "data"), "postfix"), give(filepath.Join(b.Dir, "home"), "nobody"),
		w.fill("handover.cf", "believers/postfix/main.cf", b), w.fill("handover-master.cf", "believers/postfix/master.cf", b),
		w.fill("handover-dovecot.conf", "believers/dovecot.conf", b),
	)
	if err != nil {
		return nil, err
	}
	b.Dovecot, err = Run("believing dovecot", exec.Command("dovecot", "-F", "-c", filepath.Join(b.Dir, "dovecot.conf")))
	if err != nil {
		return nil, err
	}
	if b.Postfix, err = startMaster("believing postfix", filepath.Join(b.Dir, "postfix")); err != nil {
		return b, err
	}
	b.Postfix.DiesOfSignal = true
	return b, errors.Join(
		b.Dovecot.ready(p.IMAP, p.IMAPBehindHeader, p.POP3, p.POP3BehindHeader, p.Submission, p.Sieve),
		b.Postfix.ready(p.SMTP, p.SMTPBehindHeader))
}

// Stop ends both.
func (b *Believers) Stop() error {
	var errs []error
	for _, p := range []*Process{b.Postfix, b.Dovecot} {
		if p != nil {
			errs = append(errs, p.Stop())
		}
	}
	return errors.Join(errs...)
}

func startMaster(name, dir string) (*Process, error) {
	if out, err := exec.Command("postfix", "-c", dir, "check").CombinedOutput(); err != nil {
		return nil, fmt.Errorf("postfix check: %w\n%s", err, out)
	}
	daemons, err := exec.Command("postconf", "-c", dir, "-h", "daemon_directory").Output()
	if err != nil {
		return nil, fmt.Errorf("postconf: %w", err)
	}
	return Run(name, exec.Command(filepath.Join(strings.TrimSpace(string(daemons)), "master"), "-c", dir, "-s"))
}

// Custom is a listener of an instance with a configuration of its own.
type Custom struct {
	Name, Service string
	Backend       int      // a port of 127.0.0.1
	Keys          []string // further lines
}

var custom = template.Must(template.New("").Parse(`hostname: mail.example.com
state_dir: {{.Dir}}/letterlock
certificates:
{{- range .Certificates}}
  - {cert: {{.Cert}}, key: {{.Key}}}
{{- end}}
log: {format: postfix, level: debug}
timeouts: {shutdown: 5s}
{{.Top}}
listeners:
{{- range .Listeners}}
  - service: {{.Service}}
    listen: "127.0.0.1:0"
    backend: "127.0.0.1:{{.Backend}}"
    {{- range .Keys}}
    {{.}}
    {{- end}}
{{- end}}
`))

// ServeCustom starts an instance with the given listeners; top are further
// lines for the head of its configuration.
func (w *World) ServeCustom(top string, listeners ...Custom) (*Letterlock, error) {
	name := fmt.Sprintf("letterlock-%d", len(w.letterlocks)+1)
	f, err := os.Create(filepath.Join(w.Dir, name+".yaml"))
	if err != nil {
		return nil, err
	}
	err = errors.Join(custom.Execute(f, struct {
		*World
		Certificates []Pair
		Top          string
		Listeners    []Custom
	}{w, w.certificates, top, listeners}), f.Close())
	if err != nil {
		return nil, err
	}
	p, err := Run(name, exec.Command(w.binary, "serve", "--config", f.Name()))
	if err != nil {
		return nil, err
	}
	l := &Letterlock{Process: p, addresses: make(map[string]string)}
	w.letterlocks = append(w.letterlocks, l)
	var plain []listener
	for _, each := range listeners {
		plain = append(plain, listener{each.Name, each.Service, each.Backend})
	}
	return l, l.learn(plain)
}
