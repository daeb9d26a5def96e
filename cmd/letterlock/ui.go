package main

import (
	"bufio"
	"errors"
	"flag"
	"fmt"
	"io"

	"github.com/letterlock/letterlock/configs"
)

// ui reads and prints for the commands; nothing else in this package does. The
// result of a command goes to standard output. All other messages go to standard
// error, after the program's name. An error names the remedy if there is one. The
// running proxy writes to its log instead.
type ui struct {
	out, err io.Writer
	lost     error // the first error of writing the result

	in          io.Reader // answers to questions
	interactive bool      // in is a terminal
	lines       *bufio.Reader

	// onHelp is called in place of printing the help, if it is not nil.
	onHelp func(command string, flags *flag.FlagSet)
}

func newUI(out, err io.Writer) *ui { return &ui{out: out, err: err} }

// printf prints a part of the result. If that fails, as on a full disk, the command
// fails.
func (u *ui) printf(format string, args ...any) {
	if _, err := fmt.Fprintf(u.out, format, args...); err != nil && u.lost == nil {
		u.lost = fmt.Errorf("the answer could not be written: %w", err)
	}
}

func (u *ui) errorf(format string, args ...any) {
	_, _ = fmt.Fprintf(u.err, "letterlock: "+format+"\n", args...)
}

// error prints an error. Errors of a configuration contain their positions.
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
	_, _ = fmt.Fprint(to, "\nletterlock help COMMAND describes a command.\n")
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
