package configs

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// prefix begins the name of every variable that is read.
const prefix = "LETTERLOCK_"

// variable is an environment variable, the keys of a Config that follow from
// it, and how its text is taken over.
type variable struct {
	name string
	flag string // the flag of the same meaning, if there is one
	keys []string
	set  func(q *Quick, text string) bool // false: the text is not understood
}

var variables = []variable{
	{"LETTERLOCK_BACKEND", "--backend", []string{"backend"}, func(q *Quick, s string) bool { q.Backend = s; return true }},
	{"LETTERLOCK_HOSTNAME", "--hostname", []string{"hostname"}, func(q *Quick, s string) bool { q.Hostname = s; return true }},
	{"LETTERLOCK_RECIPIENTS", "--recipients", []string{"recipients"}, func(q *Quick, s string) bool { q.Recipients = split[string](s); return true }},
	{"LETTERLOCK_SERVICES", "--services", []string{"service"}, func(q *Quick, s string) bool { q.Services = split[Service](s); return true }},
	{"LETTERLOCK_LISTEN", "--listen", []string{"listen"}, func(q *Quick, s string) bool { q.Listen = s; return true }},
	{"LETTERLOCK_CERT", "", []string{"cert", "certificates"}, func(q *Quick, s string) bool { q.Cert = s; return true }},
	{"LETTERLOCK_KEY", "", []string{"key"}, func(q *Quick, s string) bool { q.Key = s; return true }},
	{"LETTERLOCK_ACME_EMAIL", "--acme-email", []string{"email"}, func(q *Quick, s string) bool { q.acme().Email = s; return true }},
	{"LETTERLOCK_ACME_HOSTS", "--acme-hosts", []string{"hosts", "acme"}, func(q *Quick, s string) bool { q.acme().Hosts = split[string](s); return true }},
	{"LETTERLOCK_ACME_HTTP", "--acme-http", []string{"http"}, func(q *Quick, s string) bool { q.acme().HTTP = s; return true }},
	{"LETTERLOCK_ACME_TLS_ALPN", "--acme-tls-alpn", []string{"tls_alpn"}, func(q *Quick, s string) bool { q.acme().TLSALPN = s; return true }},
	{"LETTERLOCK_ACME_DIRECTORY", "--acme-directory", []string{"directory"}, func(q *Quick, s string) bool { q.acme().Directory = s; return true }},
	{"LETTERLOCK_ACME_EAB_KID", "--acme-eab-kid", []string{"kid", "eab"}, func(q *Quick, s string) bool { q.eab().KID = s; return true }},
	{"LETTERLOCK_ACME_EAB_KEY_FILE", "--acme-eab-key-file", []string{"key_file"}, func(q *Quick, s string) bool { q.eab().KeyFile = s; return true }},
	{"LETTERLOCK_ACME_CA_ROOTS", "--acme-ca-roots", []string{"ca_roots"}, func(q *Quick, s string) bool { q.acme().CARoots = s; return true }},
	{"LETTERLOCK_STATE_DIR", "", []string{"state_dir"}, func(q *Quick, s string) bool { q.StateDir = s; return true }},
	{"LETTERLOCK_LOG_FORMAT", "", []string{"format"}, func(q *Quick, s string) bool { q.LogFormat = s; return true }},
	{"LETTERLOCK_LOG_HEADER", "", []string{"header"}, func(q *Quick, s string) bool { q.LogHeader = s; return true }},
	{"LETTERLOCK_LOG_LEVEL", "", []string{"level"}, func(q *Quick, s string) bool { q.LogLevel = s; return true }},
	{"LETTERLOCK_ALLOW_OPEN_RELAY", "", []string{"allow_open_relay"}, func(q *Quick, s string) bool {
		yes, err := strconv.ParseBool(s)
		q.AllowOpenRelay = yes
		return err == nil
	}},
}

// acme is there as soon as one of its variables is.
func (q *Quick) acme() *ACME {
	if q.ACME == nil {
		q.ACME = &ACME{}
	}
	return q.ACME
}

func (q *Quick) eab() *EAB {
	a := q.acme()
	if a.EAB == nil {
		a.EAB = &EAB{}
	}
	return a.EAB
}

// orchestrator matches what Kubernetes and Docker links set in every
// container beside a service called letterlock: LETTERLOCK_SERVICE_HOST,
// LETTERLOCK_PORT_25_TCP_ADDR and their like. They are not meant for us.
var orchestrator = regexp.MustCompile(`^LETTERLOCK(_[A-Z0-9_]+)?_(SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?|PORT(_[0-9]+_(TCP|UDP)(_(PROTO|PORT|ADDR))?)?)$`)

// fileVariable names a configuration file, in the place of all others.
const fileVariable = prefix + "CONFIG"

// Variables lists the variables of an environment that stand for a part of a
// configuration, and are not empty.
func Variables(environ []string) []string {
	var names []string
	for _, pair := range environ {
		name, text, _ := strings.Cut(pair, "=")
		if text != "" && slices.ContainsFunc(variables, func(v variable) bool { return v.name == name }) {
			names = append(names, name)
		}
	}
	return names
}

// FromEnv reads the LETTERLOCK_ variables of an environment as os.Environ
// gives it. An empty variable counts as absent, an unknown one is an error.
func FromEnv(environ []string) (Quick, error) {
	var q Quick
	f := newFindings("", nil)
	for _, pair := range environ {
		name, text, _ := strings.Cut(pair, "=")
		if !strings.HasPrefix(name, prefix) || name == fileVariable || text == "" || orchestrator.MatchString(name) {
			continue
		}
		i := slices.IndexFunc(variables, func(v variable) bool { return v.name == name })
		switch {
		case i < 0:
			f.add(nil, name, "unknown variable", suggestVariable(name))
		case inQuotes(text):
			f.add(nil, name, "the quotes in "+text+" are part of the value", "leave the quotes out: a shell takes them off, but Docker's env files keep them")
		case !variables[i].set(&q, text):
			f.add(nil, name, strconv.Quote(text)+" is neither true nor false", "set it to true or false")
		}
	}
	if len(f.errors) > 0 {
		return Quick{}, f.errors
	}
	return q, nil
}

// inQuotes reports whether a value begins and ends with the same quote.
func inQuotes(text string) bool {
	return len(text) > 1 && (text[0] == '"' || text[0] == '\'') && text[len(text)-1] == text[0]
}

// suggestVariable leaves the prefix out of the comparison: it would make all
// names alike.
func suggestVariable(name string) string {
	var names []string
	for _, v := range variables {
		names = append(names, strings.TrimPrefix(v.name, prefix))
	}
	lower := strings.ToLower(strings.Join(names, " "))
	if n := nearest(strings.TrimPrefix(name, prefix), strings.Fields(lower)); n != "" {
		return "set " + prefix + strings.ToUpper(n)
	}
	return "the variables are " + prefix + strings.Join(names, ", "+prefix)
}

// split reads a list with commas, spaces around its words allowed.
func split[T ~string](text string) []T {
	var words []T
	for word := range strings.SplitSeq(text, ",") {
		if word = strings.TrimSpace(word); word != "" {
			words = append(words, T(word))
		}
	}
	return words
}

// variableOf names where a value of a Quick came from, given the path of what
// was made of it: listeners[3].backend came from LETTERLOCK_BACKEND.
func variableOf(path string) string {
	for p := path; p != ""; p = parent(p) {
		key, _, _ := strings.Cut(lastKey(p), "[")
		for _, v := range variables {
			if !slices.Contains(v.keys, key) {
				continue
			}
			if v.flag != "" {
				return v.flag + " (" + v.name + ")"
			}
			return v.name
		}
	}
	return path
}

func portText(s Service) string { return strconv.Itoa(s.Port()) }
