package main

import (
	"flag"
	"net/url"
	"strconv"
	"strings"

	"github.com/letterlock/letterlock/internal/admin"
)

func backendsCommand(ui *ui, args []string) error {
	if len(args) > 0 && (args[0] == "drain" || args[0] == "resume") {
		return changeBackend(ui, args[0], args[1:])
	}
	flags := flag.NewFlagSet("letterlock backends", flag.ContinueOnError)
	a := adminFlags(flags)
	if err := a.parse(ui, flags, args, nil); err != nil {
		return err
	}
	var all admin.Backends
	if err := a.get("/backends", nil, &all); err != nil {
		return err
	}
	return a.print(ui, all, func() { printBackends(ui, all.Backends) })
}

// changeBackend drains or resumes an address.
func changeBackend(ui *ui, word string, args []string) error {
	flags := flag.NewFlagSet("letterlock backends "+word, flag.ContinueOnError)
	a := adminFlags(flags)
	kick := new(bool)
	if word == "drain" {
		kick = flags.Bool("kick", false, "end the sessions at the address, too, between two commands")
	}
	var address string
	if err := a.parse(ui, flags, args, &address); err != nil {
		return err
	}
	if address == "" {
		return ui.wrongly("backends "+word, "it takes the address of a backend, as letterlock backends lists it")
	}
	var all admin.Backends
	if err := a.post("/backends/"+word, url.Values{"address": {address}}, &all); err != nil {
		return err
	}
	if *kick {
		if _, err := a.kick(url.Values{"backend": {address}}); err != nil {
			return err
		}
	}
	return a.print(ui, all, func() { printBackends(ui, all.Backends) })
}

func printBackends(ui *ui, all []admin.Backend) {
	rows := [][]string{{"ADDRESS", "STATE", "SINCE", "SESSIONS", "SERVICES", "BACKEND", "ERROR"}}
	for _, b := range all {
		rows = append(rows, []string{
			shown(b.Address), b.State, since(b.Since), strconv.Itoa(b.Sessions), strings.Join(b.Services, ","), strconv.Quote(b.Name), errorWords(b.Error),
		})
	}
	columns(ui, rows)
}

// errorWords quotes an error, which may hold another server's words.
func errorWords(text string) string {
	if text == "" {
		return ""
	}
	return strconv.Quote(text)
}
