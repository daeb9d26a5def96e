//go:build linux

package flood

// exchange is a command of a client, and the prefix of the last line of the
// reply.
type exchange struct{ send, want string }

// Words with a special meaning in an exchange.
const (
	startTLS = "<handshake>"   // a whole handshake, without a reply
	halfTLS  = "<half hello>"  // the first half of a ClientHello
	halfText = "<half a text>" // the beginning of a message, without the end of its line
)

// step is a state of a session in which a hostile client begins its attack. A
// client reaches it by the exchanges of the previous steps and of this one.
type step struct {
	name, from string
	script     []exchange
	noise      string // a harmless command; empty: none is possible here
	empty      string // commands that start a transaction and abandon it
	bulk       string // a command with a large reply
}

// login is "\0mallory\0secret" in base64: the hostile client has an account.
const login = "AG1hbGxvcnkAc2VjcmV0"

// steps are the steps of each service, in the order of a session.
var steps = map[string][]step{
	"smtp": append([]step{
		{name: "connected", noise: "NOOP", bulk: "HELP"},
		{name: "greeted", from: "connected", script: []exchange{{"", "220 "}, {"EHLO flood.example", "250 "}}, noise: "NOOP", empty: "MAIL FROM:<>\r\nRSET", bulk: "EHLO flood.example"},
		{name: "starttls", from: "greeted", script: []exchange{{"STARTTLS", "220 "}}},
		{name: "handshake", from: "starttls", script: []exchange{{halfTLS, ""}}},
		{name: "secured", from: "starttls", script: []exchange{{startTLS, ""}, {"EHLO flood.example", "250 "}}, noise: "NOOP", empty: "MAIL FROM:<>\r\nRSET", bulk: "EHLO flood.example"},
	}, message("secured", "b@example.com")...),
	"submission": append([]step{
		{name: "connected", noise: "NOOP", bulk: "HELP"},
		{name: "greeted", from: "connected", script: []exchange{{"", "220 "}, {"EHLO flood.example", "250 "}}, noise: "NOOP", empty: "NOOP\r\nRSET", bulk: "EHLO flood.example"},
		{name: "starttls", from: "greeted", script: []exchange{{"STARTTLS", "220 "}}},
		{name: "handshake", from: "starttls", script: []exchange{{halfTLS, ""}}},
		{name: "secured", from: "starttls", script: []exchange{{startTLS, ""}, {"EHLO flood.example", "250 "}}, noise: "NOOP", empty: "NOOP\r\nRSET", bulk: "EHLO flood.example"},
		{name: "login", from: "secured", script: []exchange{{"AUTH PLAIN", "334"}}},
		{name: "logged in", from: "secured", script: []exchange{{"AUTH PLAIN " + login, "235 "}}, noise: "NOOP", empty: "MAIL FROM:<>\r\nRSET", bulk: "EHLO flood.example"},
	}, message("logged in", "b@example.net")...),
	"submissions": append([]step{
		{name: "connected"},
		{name: "handshake", from: "connected", script: []exchange{{halfTLS, ""}}},
		{name: "secured", from: "connected", script: []exchange{{startTLS, ""}, {"", "220 "}, {"EHLO flood.example", "250 "}}, noise: "NOOP", empty: "NOOP\r\nRSET", bulk: "EHLO flood.example"},
		{name: "login", from: "secured", script: []exchange{{"AUTH PLAIN", "334"}}},
		{name: "logged in", from: "secured", script: []exchange{{"AUTH PLAIN " + login, "235 "}}, noise: "NOOP", empty: "MAIL FROM:<>\r\nRSET", bulk: "EHLO flood.example"},
	}, message("logged in", "b@example.net")...),
	"imap": append([]step{
		{name: "connected", noise: "n NOOP", empty: "n NOOP", bulk: "n CAPABILITY"},
		{name: "starttls", from: "connected", script: []exchange{{"", "* OK"}, {"a STARTTLS", "a OK"}}},
		{name: "handshake", from: "starttls", script: []exchange{{halfTLS, ""}}},
		{name: "secured", from: "starttls", script: []exchange{{startTLS, ""}}, noise: "n NOOP", empty: "n NOOP", bulk: "n CAPABILITY"},
	}, imapLogin...),
	"imaps": append([]step{
		{name: "connected"},
		{name: "handshake", from: "connected", script: []exchange{{halfTLS, ""}}},
		{name: "secured", from: "connected", script: []exchange{{startTLS, ""}, {"", "* OK"}}, noise: "n NOOP", empty: "n NOOP", bulk: "n CAPABILITY"},
	}, imapLogin...),
	"pop3": append([]step{
		{name: "connected", noise: "CAPA", empty: "CAPA", bulk: "CAPA"},
		{name: "starttls", from: "connected", script: []exchange{{"", "+OK"}, {"STLS", "+OK"}}},
		{name: "handshake", from: "starttls", script: []exchange{{halfTLS, ""}}},
		{name: "secured", from: "starttls", script: []exchange{{startTLS, ""}}, noise: "CAPA", empty: "CAPA", bulk: "CAPA"},
	}, pop3Login...),
	"pop3s": append([]step{
		{name: "connected"},
		{name: "handshake", from: "connected", script: []exchange{{halfTLS, ""}}},
		{name: "secured", from: "connected", script: []exchange{{startTLS, ""}, {"", "+OK"}}, noise: "CAPA", empty: "CAPA", bulk: "CAPA"},
	}, pop3Login...),
	"sieve": {
		{name: "connected", noise: "NOOP", empty: "NOOP", bulk: "CAPABILITY"},
		{name: "starttls", from: "connected", script: []exchange{{"", "OK"}, {"STARTTLS", "OK"}}},
		{name: "handshake", from: "starttls", script: []exchange{{halfTLS, ""}}},
		{name: "secured", from: "starttls", script: []exchange{{startTLS, ""}, {"", "OK"}}, noise: "NOOP", empty: "NOOP", bulk: "CAPABILITY"},
		{name: "login", from: "secured", script: []exchange{{`AUTHENTICATE "PLAIN"`, `""`}}},
		{name: "relay", from: "secured", script: []exchange{{`AUTHENTICATE "PLAIN" "` + login + `"`, "OK"}}, noise: "NOOP", empty: "NOOP", bulk: `GETSCRIPT "bulk"`},
	},
	"smarthost": append([]step{
		{name: "connected", noise: "NOOP", bulk: "HELP"},
		{name: "greeted", from: "connected", script: []exchange{{"", "220 "}, {"EHLO flood.example", "250 "}}, noise: "NOOP", empty: "MAIL FROM:<>\r\nRSET", bulk: "EHLO flood.example"},
	}, message("greeted", "b@good.example")...),
}

func message(from, to string) []step {
	return []step{
		{name: "mail", from: from, script: []exchange{{"MAIL FROM:<a@flood.example>", "250 "}}, noise: "NOOP"},
		{name: "recipient", from: "mail", script: []exchange{{"RCPT TO:<" + to + ">", "250 "}}, noise: "NOOP"},
		{name: "text", from: "recipient", script: []exchange{{"DATA", "354"}, {halfText, ""}}},
	}
}

var (
	imapLogin = []step{
		{name: "login", from: "secured", script: []exchange{{"a AUTHENTICATE PLAIN", "+"}}},
		{name: "relay", from: "secured", script: []exchange{{"a LOGIN mallory secret", "a OK"}}, noise: "n NOOP", empty: "n NOOP", bulk: "n FETCH 1 BODY[]"},
	}
	pop3Login = []step{
		{name: "login", from: "secured", script: []exchange{{"USER mallory", "+OK"}}, noise: "NOOP"},
		{name: "relay", from: "login", script: []exchange{{"PASS secret", "+OK"}}, noise: "NOOP", empty: "NOOP", bulk: "RETR 1"},
	}
)

// services are sorted by the history of their ports.
var services = []string{"smtp", "submission", "submissions", "imap", "imaps", "pop3", "pop3s", "sieve", "smarthost"}

// protocols maps each protocol of a backend to its services.
var protocols = map[string]string{
	"smtp": "smtp", "submission": "smtp", "submissions": "smtp", "imap": "imap", "imaps": "imap", "pop3": "pop3", "pop3s": "pop3", "sieve": "sieve",
}

// kind is a type of attack. For hostile clients, fits reports at which steps it
// is possible. With a hostile server, the clients are honest and wait.
type kind struct {
	name   string
	fits   func(service string, s step) bool
	server string // the hostile side: backend or next hop; empty: the client
}

func anywhere(string, step) bool { return true }

var kinds = []kind{
	{name: "idle", fits: anywhere},
	{name: "trickling", fits: anywhere},
	{name: "pipelining", fits: func(_ string, s step) bool { return s.noise != "" }},
	{name: "half-closed", fits: anywhere},
	{name: "reset", fits: anywhere},
	{name: "empty transactions", fits: func(_ string, s step) bool { return s.empty != "" }},
	{name: "failed handshakes", fits: func(service string, s step) bool {
		return s.name == "starttls" || s.name == "connected" && isImplicit(service)
	}},
	{name: "slow readers", fits: func(_ string, s step) bool { return s.bulk != "" }},
	{name: "silent", server: "backend"},
	{name: "trickling", server: "backend"},
	{name: "flooding", server: "backend"},
	{name: "silent", server: "next hop"},
	{name: "trickling", server: "next hop"},
	{name: "flooding", server: "next hop"},
}

func (k kind) String() string {
	if k.server == "" {
		return k.name
	}
	return k.name + " " + k.server + "s"
}

func isImplicit(service string) bool {
	return service == "submissions" || service == "imaps" || service == "pop3s"
}

// row is one line of the table: a kind at a step of a service.
type row struct {
	Service, Step string
}

func (r row) String() string { return r.Service + ", " + r.Step }

// rows lists the steps at which a kind is possible.
func (k kind) rows() []row {
	var all []row
	for _, service := range services {
		for _, s := range steps[service] {
			if k.fits != nil && k.fits(service, s) {
				all = append(all, row{service, s.name})
			}
		}
	}
	return all
}

// script returns all commands that a client sends to reach a step.
func script(service, name string) []exchange {
	for _, s := range steps[service] {
		if s.name == name {
			if s.from == "" {
				return s.script
			}
			return append(append([]exchange(nil), script(service, s.from)...), s.script...)
		}
	}
	panic("no step " + name + " of " + service)
}

func stepOf(service, name string) step {
	for _, s := range steps[service] {
		if s.name == name {
			return s
		}
	}
	panic("no step " + name + " of " + service)
}
