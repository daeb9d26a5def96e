package main

import (
	"crypto/rand"
	"errors"
	"flag"
	"strings"

	"github.com/letterlock/letterlock/internal/devices"
)

var (
	errNoDevice      = misuse{errors.New("name the device or the administrator: letterlock password NAME")}
	errDeviceName    = misuse{errors.New("the name of a device or an administrator has no blank and no colon")}
	errShortPassword = errors.New("the password in the first line of standard input has fewer than 12 characters")
)

// shortestPassword bounds a password that the administrator chooses, in characters.
const shortestPassword = 12

// passwordCommand prints a line for a file of passwords: of devices, or of
// administrators who may use the status page. The password itself
// goes to standard error, so that only the line is appended to the file.
func passwordCommand(ui *ui, args []string) error {
	flags := flag.NewFlagSet("letterlock password", flag.ContinueOnError)
	stdin := flags.Bool("stdin", false, "read the password from standard input, instead of making a random one")
	var name string
	if err := parse(ui, flags, args, &name); err != nil {
		return err
	}
	switch {
	case name == "":
		return errNoDevice
	case strings.ContainsAny(name, ": \t\r\n"):
		return errDeviceName
	}
	password := rand.Text()
	if *stdin {
		line, err := firstLine(ui.in)
		if err != nil {
			return err
		}
		if password = strings.TrimRight(line, "\r\n"); len(password) < shortestPassword {
			return errShortPassword
		}
	}
	line, err := devices.Line(name, password)
	if err != nil {
		return err
	}
	if !*stdin {
		ui.errorf("the password of %s is %s", name, password)
	}
	ui.printf("%s\n", line)
	return nil
}
