package main

import (
	"fmt"
	"io"
	"os"
	"strings"
)

// report writes the tables in Markdown.
func report(w io.Writer, c costs, o *options) {
	fmt.Fprint(w, "| cost of | | source |\n|---|--:|---|\n")
	for _, row := range []struct {
		what  string
		value float64
		unit  string
	}{
		{"IMAP login with a handshake (X25519MLKEM768)", c.handshake, "µs"}, {"IMAP login, resumed", c.resumed, "µs"},
		{"POP3 session, resumed", c.poll, "µs"}, {"message on a new connection", c.message, "µs"},
		{"keepalive of an idle session", c.roundTrip, "µs"}, {"MiB read", c.read, "µs"},
		{"connection without a byte", c.silent, "µs"}, {"idle session", c.idle, "KiB"},
	} {
		fmt.Fprintf(w, "| %s | %s %s | `performance.csv` |\n", row.what, round(row.value), row.unit)
	}
	for _, of := range []event{eventLogin, eventFailure, eventInstance} {
		if cost, known := c.store[of]; known {
			fmt.Fprintf(w, "| %s, at the store | %s commands, %s µs | `scale.csv` |\n", of, round(cost.commands), round(cost.cpu))
		}
	}
	fmt.Fprint(w, "\n| assumption | |\n|---|--:|\n")
	for _, each := range habitFlags(&o.site.habits) {
		fmt.Fprintf(w, "| `-%s`: %s | %v |\n", each.name, each.words, *each.to)
	}
	fmt.Fprintf(w, "| `-cores`, `-memory`: an instance | %v CPUs, %v GiB |\n| `-cpu`: in use in the busiest hour, at most | %v %% |\n| `-wait`: of a login after a failure, at most | %s |\n| `-sessions`: of an instance, at most | %d |\n| `-returning`: all clients of a failed instance are back within | %s |\n",
		o.site.cores, o.limit.memory, 100*o.limit.cpu, o.limit.wait, o.limit.sessions, o.site.returning)
	fmt.Fprint(w, "\n| users | instances | bound by | CPU in use | sessions of one | their memory | longest wait | store, commands a second | at most | its CPU then |\n|--:|--:|---|--:|--:|--:|--:|--:|--:|--:|\n")
	for _, users := range o.users {
		s := o.site
		s.users = users
		fits, result, exceeded := smallest(c, s, o.limit, o.seed)
		if fits.instances == 2 && exceeded == "" {
			exceeded = "one may fail"
		}
		fmt.Fprintf(w, "| %d | %d | %s | %.0f %% | %d | %.2f GiB | %.1f s | %s |\n", users, fits.instances, exceeded,
			100*result.cpu, result.sessions, result.memory, result.wait.Seconds(), storeCells(c, result))
	}
}

func storeCells(c costs, o outcome) string {
	if len(c.store) == 0 {
		return "– | – | –"
	}
	return fmt.Sprintf("%.0f | %.0f | %.1f %%", o.commands, o.peak, 100*o.storeCPU)
}

// round writes a figure with three digits.
func round(value float64) string {
	switch {
	case value >= 100:
		return fmt.Sprintf("%.0f", value)
	case value >= 10:
		return fmt.Sprintf("%.1f", value)
	}
	return fmt.Sprintf("%.2f", value)
}

// The marks between which the tables are in docs/scale.md.
const (
	beginMark = "<!-- scale: begin -->\n"
	endMark   = "<!-- scale: end -->\n"
)

// replace replaces the tables in a document.
func replace(path, tables string) error {
	old, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	before, rest, begins := strings.Cut(string(old), beginMark)
	_, after, ends := strings.Cut(rest, endMark)
	if !begins || !ends {
		return fmt.Errorf("%s has not the lines %q and %q", path, beginMark, endMark)
	}
	return os.WriteFile(path, []byte(before+beginMark+tables+endMark+after), 0o644)
}
