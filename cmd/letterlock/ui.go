package main

import (
	"bufio"
	"errors"
	"flag"
	"fmt"
	"io"

	"github.com/letterlock/letterlock/configs"
)

// This file is the only one that prints. The rules: what was asked for goes to
// standard output; everything else to standard error, each message with the
// program's name in front; an error says what to do about it, where that is
// known. What the running proxy has to say goes to its log instead.

type ui struct {
	out, err io.Writer
	lost     error // why some of the answer could not be written; nil: all was

	in          io.Reader // answers to questions
	interactive bool      // there is somebody to ask
	lines       *bufio.Reader

	// onHelp receives what --help would describe; nil: it is printed.
	onHelp func(command string, flags *flag.FlagSet)
}

func newUI(out, err io.Writer) *ui { return &ui{out: out, err: err} }

// printf answers the question. Half an answer, as a full disk leaves it, is a
// failure of the command.
func (u *ui) printf(format string, args ...any) {
	if _, err := fmt.Fprintf(u.out, format, args...); err != nil && u.lost == nil {
		u.lost = fmt.Errorf("the answer could not be written: %w", err)
	}
}

func (u *ui) errorf(format string, args ...any) {
	_, _ = fmt.Fprintf(u.err, "letterlock: "+format+"\n", args...)
}

// error reports a failure. Errors of a configuration bring their own places.
func (u *ui) error(err error) {
	if all, ok := errors.AsType[configs.Errors](err); ok {
		_, _ = fmt.Fprintln(u.err, all)
		u.errorf("the configuration has %s", count(len(all), "error"))
		return
	}
	u.errorf("%v", err)
}

// usage lists the commands.
func (u *ui) usage(to io.Writer) {
	_, _ = fmt.Fprint(to, "usage: letterlock COMMAND [FLAGS]\n\n")
	for _, c := range subcommands() {
		_, _ = fmt.Fprintf(to, "  %-10s %s\n", c.name, helps[c.name].about)
	}
	_, _ = fmt.Fprint(to, "\nletterlock help COMMAND says more about one of them.\n")
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
