package configs

import (
	"errors"
	"fmt"
	"io/fs"
	"reflect"
)

// checkExceptionFiles checks that the files with exceptions can be read.
func checkExceptionFiles(c *Config, m Machine, r report) {
	for i, l := range c.Listeners {
		checkReadable(m, l.ExceptionsFile, r.in("listeners", i).in("exceptions_file"))
	}
}

// addExceptions adds the exceptions in the files that listeners name to theirs. It
// returns the errors in the files, which have the positions there.
func (c *Config) addExceptions(m Machine) (all Errors) {
	for i := range c.Listeners {
		l := &c.Listeners[i]
		if l.ExceptionsFile == "" {
			continue
		}
		found, err := c.exceptionsIn(l.ExceptionsFile, m)
		if faults, ok := errors.AsType[Errors](err); ok {
			all = append(all, faults...)
		} else if err != nil && !errors.Is(err, fs.ErrNotExist) { // checkExceptionFiles has reported that
			all = append(all, &Error{File: l.ExceptionsFile, Problem: err.Error()})
		}
		l.Exceptions = append(l.Exceptions, found...)
	}
	return all
}

// exceptionsIn reads a file with exceptions. Those that have ended are left out: a
// program writes such files, so an old one does not stop the proxy from starting.
func (c *Config) exceptionsIn(path string, m Machine) ([]Exception, error) {
	text, err := read(path)
	if err != nil {
		return nil, fmt.Errorf("exceptions: %w", err)
	}
	f := newFindings(path, text)
	root := f.tree(text)
	if root == nil {
		return nil, f.errors
	}
	var all, current []Exception
	f.places["exceptions"] = place{value: root}
	decoder{f}.decode(root, "exceptions", reflect.ValueOf(&all).Elem())
	for i, exception := range all {
		checkException(c, exception, report{findings: f}.in("exceptions", i))
		if m.Now == nil || m.Now().Before(exception.Until.NextDay()) {
			current = append(current, exception)
		}
	}
	if len(f.errors) > 0 {
		return nil, f.errors.sorted()
	}
	return current, nil
}
