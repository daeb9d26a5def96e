package configs

import (
	"slices"
	"strings"

	"github.com/letterlock/letterlock/tlspolicy"
)

// What may be written where only certain words are taken. The checks, the
// schema and the suggestions draw on the same tables.
var (
	logFormats   = []string{"text", "json", "postfix"}
	logLevels    = []string{"debug", "info", "warn", "error"}
	logHeaders   = []string{"auto", "always", "never"}
	bareNewlines = []string{"normalize", "reject"}
	balances     = []string{"least-connections", "client"}
	legs         = []string{"none", "starttls", "tls"}

	backendLogins = []string{"auto", "same", "plain", "login", "cram-md5", "user"}

	sniWays            = []string{"default", "strict"}
	clientCertificates = []string{"none", "request", "require"}
)

// handoverFacts say which protocols a handover fits, none named meaning all,
// and whether the backend judges by the address that it is handed. XFORWARD is
// for its log alone.
type handoverFacts struct {
	name     string
	judged   bool
	services []Service
}

var (
	smtpFamily   = []Service{SMTP, Submission, Submissions}
	imapFamily   = []Service{IMAP, IMAPS}
	pop3Family   = []Service{POP3, POP3S}
	xclientBound = slices.Concat(smtpFamily, []Service{Sieve})
	inbound      = Inbound()

	// loginServices are those on which everybody logs in.
	loginServices = slices.Concat([]Service{Submission, Submissions}, imapFamily, pop3Family, []Service{Sieve})
)

var handovers = []handoverFacts{
	{"none", false, nil},
	{"proxy-v1", true, nil},
	{"proxy-v2", true, nil},
	{"xclient", true, xclientBound},
	{"xforward", false, smtpFamily},
	{"imap-id", true, imapFamily},
	{"pop3-xclient", true, pop3Family},
	{"tproxy", true, nil},
}

// handoverNames lists the whole vocabulary.
func handoverNames() []string {
	names := make([]string, len(handovers))
	for i, h := range handovers {
		names[i] = h.name
	}
	return names
}

// belongs says which services have a key; a key that is not named here
// belongs to all.
var belongs = []struct {
	key      string
	services []Service
}{
	{"sni", slices.DeleteFunc(Services(), func(s Service) bool { return s == SMTP || s == Smarthost })}, // RFC 8461 §7.1
	{"require_tls", []Service{SMTP}},
	{"hide_starttls", []Service{SMTP}},
	{"auth", []Service{SMTP}},
	{"recipients", []Service{SMTP}},
	{"recipients_file", []Service{SMTP}},
	{"hide_client", []Service{Submission, Submissions}},
	{"allow_open_relay", []Service{SMTP}},
	{"greet_delay", []Service{SMTP}},
	{"bare_newline", smtpFamily},
	{"received", slices.Concat(smtpFamily, []Service{Smarthost})},
	{"disable_vrfy", smtpFamily},
	{"routes", loginServices},
	{"master_separator", loginServices},
	{"backend_login", loginServices},
	{"public_port", inbound},
	{"policy", inbound},
	{"certificates", inbound},
	{"acme_hosts", inbound},
	{"session_tickets", inbound},
	{"client_certificates", inbound},
	{"client_ca", inbound},
	{"exceptions", inbound},
	{"reverse_dns", inbound},
	{"proxy_from", inbound},
	{"handover", inbound},
	{"hide_mechanisms", inbound},
	{"unnamed_mechanisms", []Service{IMAP, IMAPS, POP3, POP3S, Sieve}}, // their layers would hide from us what SMTP says
}

// policyNames are those a listener may name: the built-in ones, then the
// administrator's own.
func (c *Config) policyNames() []string {
	names := tlspolicy.Names()
	for _, p := range c.Policies {
		if p.Name != "" {
			names = append(names, p.Name)
		}
	}
	return names
}

// words are the values as plain text.
func words[T ~string](values []T) []string {
	text := make([]string, len(values))
	for i, v := range values {
		text[i] = string(v)
	}
	return text
}

// list is for sentences.
func list[T ~string](values []T) string {
	return strings.Join(words(values), ", ")
}

// judgedByClient reports whether the backend decides by the client's address
// what it lets a session do.
func judgedByClient(handover string) bool {
	i := slices.IndexFunc(handovers, func(h handoverFacts) bool { return h.name == handover })
	return i >= 0 && handovers[i].judged
}
