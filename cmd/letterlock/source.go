package main

import (
	"cmp"
	"errors"
	"flag"
	"os"
	"slices"
	"strings"

	"github.com/letterlock/letterlock/configs"
)

// source is the origin of a configuration: a file, or flags and variables that
// name a backend.
type source struct {
	file  string
	flags map[string]string // those that stand for variables, by the variable
}

// quickFlags are the keys with a flag, which counts in place of the variable.
func quickFlags() []configs.Key {
	return slices.DeleteFunc(configs.Keys(), func(k configs.Key) bool { return k.Flag == "" })
}

func sourceFlags(flags *flag.FlagSet) *source {
	s := &source{flags: map[string]string{}}
	flags.StringVar(&s.file, "config", "", "the configuration's `FILE`")
	for _, k := range quickFlags() {
		flags.Func(k.Flag, "without a file: "+k.Usage, func(text string) error {
			s.flags[k.Variable] = text
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
	namesBackend := func(v configs.Variable) bool { return v.Key.Path == "listeners[].backend" }
	return s.name() != "" || len(s.flags) > 0 || slices.ContainsFunc(configs.SetVariables(os.Environ()), namesBackend)
}

// name returns the path of the file. It is empty if no file is given.
func (s *source) name() string {
	if s.file == "" && s.flags["LETTERLOCK_BACKEND"] == "" {
		return os.Getenv("LETTERLOCK_CONFIG")
	}
	return s.file
}

// load reads the configuration: from --config; else from flags, if --backend is
// among them; else from the file in LETTERLOCK_CONFIG; else from the other
// LETTERLOCK_ variables. A flag takes precedence over its variable.
func (s *source) load() (*configs.Config, error) {
	if !s.given() {
		return nil, errNoConfiguration
	}
	if file := s.name(); file != "" {
		if _, err := configs.FileFromEnv(os.Environ()); err != nil && s.file == "" {
			return nil, err
		}
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

// stateDir returns the state_dir of a configuration that cannot be loaded, as far as
// it can be read.
func (s *source) stateDir() string {
	if file := s.name(); file != "" {
		return configs.StateDirIn(file)
	}
	return cmp.Or(os.Getenv("LETTERLOCK_STATE_DIR"), configs.Default().StateDir)
}

// alone reports flags and variables that would be ignored beside a file.
func (s *source) alone(file string) error {
	var all configs.Errors
	ignored := func(what string) {
		all = append(all, &configs.Error{Key: what, Problem: "means nothing beside the configuration file " + file, Remedy: "write it in the file, or leave it out"})
	}
	for _, k := range quickFlags() {
		if _, given := s.flags[k.Variable]; given {
			ignored("--" + k.Flag)
		}
	}
	for _, v := range configs.SetVariables(os.Environ()) {
		ignored(v.Name)
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
