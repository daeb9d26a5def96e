package main

import (
	"flag"
	"os"
	"strings"

	"github.com/letterlock/letterlock/configs"
)

// source is where a configuration comes from: a file, or a few flags and
// variables that name a backend.
type source struct {
	file       string
	quick      configs.Quick
	recipients string
	services   string
}

func sourceFlags(flags *flag.FlagSet) *source {
	s := &source{}
	flags.StringVar(&s.file, "config", "", "configuration `FILE`")
	flags.StringVar(&s.quick.Backend, "backend", "", "without a file: the mail `HOST` to stand in front of, all services on their ports")
	flags.StringVar(&s.quick.Hostname, "hostname", "", "without a file: our `NAME` (default the machine's)")
	flags.StringVar(&s.quick.Listen, "listen", "", "without a file: `ADDRESS` to listen on (default all)")
	flags.StringVar(&s.recipients, "recipients", "", "without a file: `DOMAIN,...` that port 25 takes mail for (default the hostname and its parent)")
	flags.StringVar(&s.services, "services", "", "without a file: `SERVICE,...` to run (default all)")
	return s
}

// load reads the configuration. The environment (LETTERLOCK_*) counts where
// no flag has spoken.
func (s *source) load() (*configs.Config, error) {
	if s.file == "" && s.quick.Backend == "" {
		s.file = os.Getenv("LETTERLOCK_CONFIG")
	}
	if s.file != "" {
		return configs.Load(s.file)
	}
	quick, err := configs.FromEnv(os.Environ())
	if err != nil {
		return nil, err
	}
	override(&quick.Backend, s.quick.Backend)
	override(&quick.Hostname, s.quick.Hostname)
	override(&quick.Listen, s.quick.Listen)
	if s.recipients != "" {
		quick.Recipients = strings.Split(s.recipients, ",")
	}
	if s.services != "" {
		quick.Services = nil
		for name := range strings.SplitSeq(s.services, ",") {
			quick.Services = append(quick.Services, configs.Service(name))
		}
	}
	return configs.Simple(quick)
}

func override(value *string, with string) {
	if with != "" {
		*value = with
	}
}
