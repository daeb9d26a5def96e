package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"

	"github.com/letterlock/letterlock/configs"
	"github.com/letterlock/letterlock/internal/app"
	"github.com/letterlock/letterlock/internal/oauth"
)

// oauthCommand asks a user for consent, and keeps the refresh token for the
// running proxy, which reads it at its next try.
func oauthCommand(ui *ui, args []string) error {
	if len(args) == 0 {
		return ui.wrongly("oauth", "it takes a subcommand: login")
	}
	flags := flag.NewFlagSet("letterlock oauth "+args[0], flag.ContinueOnError)
	switch args[0] {
	case "login":
		return oauthLogin(ui, flags, args[1:])
	case "help", "-h", "-help", "--help":
		helps["oauth"].print(ui, "oauth", flags)
		return nil
	}
	return ui.wrongly("oauth", "unknown subcommand %q: it takes login", args[0])
}

func oauthLogin(ui *ui, flags *flag.FlagSet, args []string) error {
	source := sourceFlags(flags)
	user := flags.String("user", "", "`NAME` in the destination's login (default: the only one)")
	stdin := flags.Bool("stdin", false, "read a refresh token from standard input, instead of asking the provider")
	if err := source.parse(ui, flags, args); err != nil {
		return err
	}
	c, err := source.load()
	if err != nil {
		return err
	}
	login, err := consenting(c, *user)
	if err != nil {
		return err
	}
	grant := app.GrantOf(c, login).(*oauth.Refresh)
	if *stdin {
		return storeToken(ui, grant)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	err = grant.Consent(ctx, func(address, code string) {
		ui.printf("Open %s in a browser, sign in as %s, and enter the code %s\n", address, login.User, code)
	})
	if err == nil {
		ui.printf("The consent is stored for %s.\n", login.User)
	}
	return err
}

var (
	errNoOAuth    = errors.New("no destination has a login with oauth and the grant refresh_token")
	errManyOAuth  = misuse{errors.New("several destinations have a login with oauth: name one with --user")}
	errEmptyToken = errors.New("standard input has no token in its first line")
)

// consenting returns the login that needs the consent of a user.
func consenting(c *configs.Config, user string) (found *configs.RelayLogin, err error) {
	if c.Smarthost == nil {
		return nil, errNoOAuth
	}
	for _, d := range c.Smarthost.Destinations {
		switch {
		case d.Login == nil || d.Login.OAuth == nil || d.Login.OAuth.Grant != "refresh_token" || user != "" && d.Login.User != user:
		case found != nil && found.User != d.Login.User:
			return nil, errManyOAuth
		default:
			found = d.Login
		}
	}
	if found == nil {
		return nil, errNoOAuth
	}
	return found, nil
}

func storeToken(ui *ui, grant *oauth.Refresh) error {
	line, err := firstLine(ui.in)
	if err != nil {
		return err
	}
	if line = strings.TrimSpace(line); line == "" {
		return errEmptyToken
	}
	return grant.File.Write(line)
}

// firstLine reads the first line of standard input, with its end.
func firstLine(in io.Reader) (string, error) {
	const longest = 16 << 10
	line, err := bufio.NewReader(io.LimitReader(in, longest)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("standard input: %w", err)
	}
	return line, nil
}
