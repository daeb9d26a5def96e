package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"github.com/letterlock/letterlock/configs"
	"github.com/letterlock/letterlock/internal/admin"
)

// administrator calls a running proxy by its administrator's socket.
type administrator struct {
	source *source
	socket string
	json   bool
	client admin.Client
}

// adminTime bounds a request that is answered at once.
const adminTime = 30 * time.Second

// adminFlags adds the flags that find the socket.
func adminFlags(flags *flag.FlagSet) *administrator {
	a := &administrator{source: &source{flags: map[string]string{}}}
	flags.StringVar(&a.source.file, "config", "", "the configuration's `FILE`")
	flags.StringVar(&a.socket, "socket", "", "the `PATH` of the running proxy's socket (default that of the configuration, or of the machine's service)")
	flags.BoolVar(&a.json, "json", false, "write JSON, as in docs/admin.md")
	return a
}

// parse reads the flags of a command that takes at most one argument; nil: none.
func (a *administrator) parse(ui *ui, flags *flag.FlagSet, args []string, argument *string) error {
	if err := parse(ui, flags, args, argument); err != nil {
		return err
	}
	if a.socket != "" {
		a.client.Paths = []string{a.socket}
		return nil
	}
	defaults := configs.Default()
	c := &defaults
	if a.source.given() {
		var err error
		if c, err = a.source.load(); err != nil {
			return err
		}
	}
	a.client.Paths = c.AdminSockets()
	return nil
}

// get sends a request that changes nothing.
func (a *administrator) get(path string, parameters url.Values, reply any) error {
	ctx, cancel := context.WithTimeout(context.Background(), adminTime)
	defer cancel()
	return running(a.client.Get(ctx, path, parameters, reply))
}

// post sends a request that changes the state of the proxy.
func (a *administrator) post(path string, parameters url.Values, reply any) error {
	ctx, cancel := context.WithTimeout(context.Background(), adminTime)
	defer cancel()
	return running(a.client.Post(ctx, path, parameters, reply))
}

// running sets the exit status of the error that no proxy runs.
func running(err error) error {
	if errors.Is(err, admin.ErrNotRunning) {
		return notRunning{fmt.Errorf("%w; --config or --socket names another one", err)}
	}
	return err
}

// print prints a reply as JSON, or as text.
func (a *administrator) print(ui *ui, reply any, text func()) error {
	if !a.json {
		text()
		return nil
	}
	encoded, err := admin.Encode(reply)
	if err == nil {
		ui.printf("%s", encoded)
	}
	return err
}

// columns prints rows with aligned columns, the first row being the heads.
func columns(ui *ui, rows [][]string) {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		_, _ = fmt.Fprintln(w, strings.Join(row, "\t"))
	}
	_ = w.Flush() // a strings.Builder takes all
	for line := range strings.Lines(b.String()) {
		ui.printf("%s\n", strings.TrimRight(line, " \n"))
	}
}

// shown returns a value from a client or a backend as a terminal may show it: quoted
// unless it is one word of printable characters.
func shown(value string) string {
	if value == "" {
		return "-"
	}
	plain := func(r rune) bool {
		return unicode.IsPrint(r) && r != ' ' && r != '"' && r != '\\' && r != unicode.ReplacementChar
	}
	if value == "-" || strings.ContainsFunc(value, func(r rune) bool { return !plain(r) }) {
		return strconv.Quote(value)
	}
	return value
}

// since returns the time from a moment to now; "-" if the moment is not set.
func since(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return time.Since(t).Round(time.Second).String()
}
