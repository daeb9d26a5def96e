package configs

import (
	"slices"
	"strings"

	"github.com/letterlock/letterlock/tlspolicy"
)

// handoverFacts lists the protocols that support a handover, or none if all do,
// and whether the backend uses the client's address to decide what to permit.
// XFORWARD is only for the backend's log and filters.
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

	// loginServices are the services where every client logs in.
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

// handoverNames lists all handovers.
func handoverNames() []string {
	names := make([]string, len(handovers))
	for i, h := range handovers {
		names[i] = h.name
	}
	return names
}

// policyNames are the policies that a listener may use: the built-in ones, then
// the administrator's own.
func (c *Config) policyNames() []string {
	names := tlspolicy.Names()
	for _, p := range c.Policies {
		if p.Name != "" {
			names = append(names, p.Name)
		}
	}
	return names
}

// words returns the values as plain text.
func words[T ~string](values []T) []string {
	text := make([]string, len(values))
	for i, v := range values {
		text[i] = string(v)
	}
	return text
}

// list formats words for a sentence.
func list[T ~string](values []T) string {
	return strings.Join(words(values), ", ")
}

// judgedByClient reports whether the backend uses the client's address to
// decide what a session may do.
func judgedByClient(handover string) bool {
	i := slices.IndexFunc(handovers, func(h handoverFacts) bool { return h.name == handover })
	return i >= 0 && handovers[i].judged
}
