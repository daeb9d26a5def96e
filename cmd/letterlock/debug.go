package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/letterlock/letterlock/internal/admin"
)

// logLevelCommand shows or changes the level of the running proxy's log.
func logLevelCommand(ui *ui, args []string) error {
	flags := flag.NewFlagSet("letterlock log-level", flag.ContinueOnError)
	a := adminFlags(flags)
	var level string
	if err := a.parse(ui, flags, args, &level); err != nil {
		return err
	}
	var now admin.LogLevel
	var err error
	if level == "" {
		err = a.get("/log-level", nil, &now)
	} else {
		err = a.post("/log-level", url.Values{"level": {level}}, &now)
	}
	if err != nil {
		return err
	}
	return a.print(ui, now, func() { ui.printf("%s\n", now.Level) })
}

// profileCommand writes a profile of the running process, for `go tool pprof`.
func profileCommand(ui *ui, args []string) error {
	flags := flag.NewFlagSet("letterlock profile", flag.ContinueOnError)
	a := adminFlags(flags)
	seconds := flags.Int("seconds", 10, "measure the CPU for so many `SECONDS`")
	to := output{}
	to.flags(flags, "letterlock.pprof")
	name := "cpu"
	if err := a.parse(ui, flags, args, &name); err != nil {
		return err
	}
	if err := to.free(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), adminTime+time.Duration(*seconds)*time.Second)
	defer cancel()
	body, err := a.client.Do(ctx, http.MethodGet, "/profile", url.Values{"name": {name}, "seconds": {strconv.Itoa(*seconds)}})
	if err != nil {
		return running(err)
	}
	defer func() { _ = body.Close() }()
	var text strings.Builder
	if _, err := io.Copy(&text, body); err != nil {
		return fmt.Errorf("the profile is incomplete: %w", err)
	}
	if err := to.write(ui, text.String()); err != nil {
		return err
	}
	ui.errorf("the profile is in %s; read it with: go tool pprof %s", to.name(), to.name())
	return nil
}
