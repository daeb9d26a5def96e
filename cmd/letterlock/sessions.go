package main

import (
	"flag"
	"net/url"
	"strconv"

	"github.com/letterlock/letterlock/internal/admin"
)

// filterFlags adds the flags that select sessions. The function that it returns reads
// them as the parameters of a request.
func filterFlags(flags *flag.FlagSet) func() url.Values {
	values := map[string]*string{}
	for name, usage := range map[string]string{
		"id":      "the session with this `ID`, from the log",
		"user":    "sessions of this `USER`, in any case",
		"client":  "sessions from this `ADDRESS`, or network such as 192.0.2.0/24",
		"service": "sessions of this `SERVICE`, such as imaps",
		"policy":  "sessions under this TLS `POLICY`",
		"tls":     "sessions with this `VERSION` of TLS: 1.0 to 1.3, or none",
		"backend": "sessions at this `ADDRESS` of a backend",
	} {
		values[name] = flags.String(name, "", usage)
	}
	return func() url.Values {
		parameters := url.Values{}
		for name, value := range values {
			if *value != "" {
				parameters.Set(name, *value)
			}
		}
		return parameters
	}
}

func sessionsCommand(ui *ui, args []string) error {
	flags := flag.NewFlagSet("letterlock sessions", flag.ContinueOnError)
	a, filter := adminFlags(flags), filterFlags(flags)
	if err := a.parse(ui, flags, args, nil); err != nil {
		return err
	}
	all, err := a.sessions(filter())
	if err != nil {
		return err
	}
	return a.print(ui, all, func() { printSessions(ui, all.Sessions) })
}

// sessions lists the sessions of the proxy, and those of processes that it has
// replaced.
func (a *administrator) sessions(filter url.Values) (all admin.Sessions, err error) {
	if err := a.get("/sessions", filter, &all); err != nil {
		return all, err
	}
	for _, old := range a.client.Replaced() {
		var more admin.Sessions
		if (&administrator{client: old}).get("/sessions", filter, &more) == nil { // otherwise it has just ended
			all.Sessions = append(all.Sessions, more.Sessions...)
		}
	}
	return all, nil
}

// kick ends sessions of the proxy and of processes that it has replaced.
func (a *administrator) kick(filter url.Values) (kicked admin.Kicked, err error) {
	if err := a.post("/kick", filter, &kicked); err != nil {
		return kicked, err
	}
	for _, old := range a.client.Replaced() {
		var more admin.Kicked
		if (&administrator{client: old}).post("/kick", filter, &more) == nil { // otherwise it has just ended
			kicked.Sessions += more.Sessions
		}
	}
	return kicked, nil
}

func printSessions(ui *ui, all []admin.Session) {
	rows := [][]string{{"SESSION", "SERVICE", "CLIENT", "USER", "TLS", "POLICY", "STEP", "OPEN", "SILENT", "IN", "OUT", "BACKEND"}}
	for _, s := range all {
		rows = append(rows, []string{
			s.ID, s.Service, s.Client, shown(s.User), s.TLS, shown(s.Policy), shown(s.Step), since(s.Opened), since(s.Moved),
			strconv.FormatInt(s.Received, 10), strconv.FormatInt(s.Sent, 10), shown(s.Backend),
		})
	}
	if len(all) > 0 {
		columns(ui, rows)
	}
	ui.printf("%s\n", count(len(all), "session"))
}

func kickCommand(ui *ui, args []string) error {
	flags := flag.NewFlagSet("letterlock kick", flag.ContinueOnError)
	a, filter := adminFlags(flags), filterFlags(flags)
	if err := a.parse(ui, flags, args, nil); err != nil {
		return err
	}
	parameters := filter()
	if len(parameters) == 0 {
		return ui.wrongly("kick", "it needs a flag that selects sessions, such as --user")
	}
	kicked, err := a.kick(parameters)
	if err != nil {
		return err
	}
	return a.print(ui, kicked, func() {
		ui.printf("%s asked to end between two commands\n", count(kicked.Sessions, "session"))
	})
}
