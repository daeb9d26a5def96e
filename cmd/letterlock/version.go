package main

import (
	"flag"
	"runtime"
	"runtime/debug"
)

// version is set by release builds. Other builds take it from the module.
var version = ""

func versionCommand(ui *ui, args []string) error {
	flags := flag.NewFlagSet("letterlock version", flag.ContinueOnError)
	if err := parse(ui, flags, args, nil); err != nil {
		return err
	}
	ui.printf("letterlock %s %s %s/%s\n", versionName(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return nil
}

func versionName() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}
