package configs

import (
	"slices"
	"strings"

	"github.com/letterlock/letterlock/tlspolicy"
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
