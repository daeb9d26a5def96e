package main

import (
	"errors"
	"flag"
	"os"
	"strings"

	"github.com/letterlock/letterlock/configs"
)

// source is where a configuration comes from: a file, or a few flags and
// variables that name a backend.
type source struct {
	file  string
	flags map[string]string // those that stand for variables, by the variable
}

// quickFlags stand for variables, and count in their place.
var quickFlags = []struct{ name, variable, usage string }{
	{"backend", "LETTERLOCK_BACKEND", "the mail `HOST` to stand in front of, all services on their ports"},
	{"hostname", "LETTERLOCK_HOSTNAME", "our `NAME` (default the machine's)"},
	{"listen", "LETTERLOCK_LISTEN", "`ADDRESS` to listen on (default all)"},
	{"recipients", "LETTERLOCK_RECIPIENTS", "`DOMAIN,...` that port 25 takes mail for (default the hostname and its parent)"},
	{"services", "LETTERLOCK_SERVICES", "`SERVICE,...` to run (default all)"},
	{"acme-email", "LETTERLOCK_ACME_EMAIL", "certificates by ACME, and the `ADDRESS` that the CA may write to"},
	{"acme-hosts", "LETTERLOCK_ACME_HOSTS", "certificates by ACME for `NAME,...` (default the hostname)"},
	{"acme-http", "LETTERLOCK_ACME_HTTP", "`ADDRESS` where HTTP-01 is answered (default :80)"},
	{"acme-tls-alpn", "LETTERLOCK_ACME_TLS_ALPN", "`ADDRESS` where TLS-ALPN-01 is answered (default none)"},
	{"acme-directory", "LETTERLOCK_ACME_DIRECTORY", "`URL` of the CA (default Let's Encrypt's)"},
	{"acme-eab-kid", "LETTERLOCK_ACME_EAB_KID", "`KEY` name of an account that the CA has given beforehand"},
	{"acme-eab-key-file", "LETTERLOCK_ACME_EAB_KEY_FILE", "`FILE` with its key"},
	{"acme-ca-roots", "LETTERLOCK_ACME_CA_ROOTS", "`FILE` with the roots to trust when the CA is called (default the system's)"},
}

func sourceFlags(flags *flag.FlagSet) *source {
	s := &source{flags: map[string]string{}}
	flags.StringVar(&s.file, "config", "", "the configuration's `FILE`")
	for _, f := range quickFlags {
		flags.Func(f.name, "without a file: "+f.usage, func(text string) error {
			s.flags[f.variable] = text
			return nil
		})
	}
	return s
}

// parse reads a command's flags; its argument is the file of the configuration.
func (s *source) parse(ui *ui, flags *flag.FlagSet, args []string) error {
	var file string
	if err := parse(ui, flags, args, &file); err != nil {
		return err
	}
	switch {
	case file == "":
	case s.file != "":
		return ui.wrongly(strings.TrimPrefix(flags.Name(), "letterlock "), "it takes one file, not %q and %q", s.file, file)
	default:
		s.file = file
	}
	return nil
}

var errNoConfiguration = misuse{errors.New(
	"there is no configuration: name its file (--config FILE, LETTERLOCK_CONFIG), or a mail server to stand in front of (--backend HOST, LETTERLOCK_BACKEND)")}

// given reports whether there is a configuration at all.
func (s *source) given() bool {
	return s.name() != "" || len(s.flags) > 0 || os.Getenv("LETTERLOCK_BACKEND") != ""
}

// name is that of the file; empty if there is none.
func (s *source) name() string {
	if s.file == "" && s.flags["LETTERLOCK_BACKEND"] == "" {
		return os.Getenv("LETTERLOCK_CONFIG")
	}
	return s.file
}

// load reads the configuration: from --config; else from flags, if --backend is
// among them; else from the file in LETTERLOCK_CONFIG; else from the other
// LETTERLOCK_ variables, in whose place a flag counts.
func (s *source) load() (*configs.Config, error) {
	if !s.given() {
		return nil, errNoConfiguration
	}
	if file := s.name(); file != "" {
		if err := s.alone(file); err != nil {
			return nil, err
		}
		return configs.Load(file)
	}
	environ := os.Environ()
	for variable, text := range s.flags {
		environ = append(environ, variable+"="+text)
	}
	quick, err := configs.FromEnv(environ)
	if err != nil {
		return nil, err
	}
	return configs.Simple(quick)
}

// alone reports flags and variables that would be ignored beside a file.
func (s *source) alone(file string) error {
	var all configs.Errors
	ignored := func(what string) {
		all = append(all, &configs.Error{Key: what, Problem: "means nothing beside the configuration file " + file, Remedy: "write it in the file, or leave it out"})
	}
	for _, f := range quickFlags {
		if _, given := s.flags[f.variable]; given {
			ignored("--" + f.name)
		}
	}
	for _, name := range configs.Variables(os.Environ()) {
		ignored(name)
	}
	if len(all) > 0 {
		return all
	}
	return nil
}

func override(value *string, with string) {
	if with != "" {
		*value = with
	}
}
