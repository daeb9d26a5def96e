package gate

import (
	"slices"
	"strings"
)

// Mechanisms decides which SASL mechanisms are offered and accepted. All
// sessions of a listener share it. Nil allows each mechanism that works through
// a proxy and that the backend offers.
type Mechanisms struct {
	Hidden  []string // mechanisms that are not offered, in addition to those that cannot work through a proxy; upper case
	Unnamed []string // mechanisms that are offered although the proxy cannot read the user name; upper case

	// Routed says that the user name selects the backend. The client must then send
	// the name before the backend is dialled. LoginMethod is how the proxy
	// logs in at the backend.
	Routed      bool
	LoginMethod LoginMethod
}

// mechanism describes a SASL mechanism.
type mechanism struct {
	read   reader // reads the user name
	secret int    // number of the response with the secret, or with the proof of it

	early      bool // the client sends the name before the backend's first challenge
	challenged bool // the client needs the backend's challenge for its first response
	prompts    bool // challenges are only prompts, without data
	password   bool // the client sends the password itself
	token      bool // the client sends a token instead of a password
	layers     bool // the mechanism may encrypt the session between client and backend after the login

	// secretIn returns the bounds of the secret in a response; from is -1 without one.
	secretIn func(response string) (from, to int)
}

// mechanisms are the mechanisms whose user name the proxy can read. The log and the
// limits on failed logins need it, so all others are hidden; docs/backends.md has
// the table with the reasons. SCRAM- stands for all mechanisms that begin with it.
var mechanisms = map[string]mechanism{
	"PLAIN":       {read: once(readPlain), secret: 1, early: true, password: true, secretIn: behind("\x00", "")},
	"LOGIN":       {read: readFirst, secret: 2, early: true, prompts: true, password: true, secretIn: func(s string) (int, int) { return 0, len(s) }},
	"XOAUTH2":     {read: readXOAUTH2, secret: 1, early: true, token: true, secretIn: behind("auth=Bearer ", "\x01")},
	"OAUTHBEARER": {read: readOAUTHBEARER, secret: 1, early: true, token: true, secretIn: behind("auth=Bearer ", "\x01")},
	"SCRAM-":      {read: readSCRAM, secret: 2, early: true, secretIn: behind(",p=", "")},
	"CRAM-MD5":    {read: once(readCRAM(32)), secret: 1, challenged: true},
	"CRAM-SHA1":   {read: once(readCRAM(40)), secret: 1, challenged: true},
	"CRAM-SHA256": {read: once(readCRAM(64)), secret: 1, challenged: true},
	"DIGEST-MD5":  {read: once(readDigest), secret: 1, challenged: true, layers: true},
	"NTLM":        {read: readNTLM, secret: 2},
	"OTP":         {read: readOTP, secret: 2},
	"SKEY":        {read: readFirst, secret: 2},
}

// unnamed describes a mechanism whose user name the proxy cannot read. It is offered
// only if the configuration lists it.
var unnamed = mechanism{read: func(int, string) (string, reading) { return "", nameless }, secret: 1, layers: true}

// mechanismNamed finds a mechanism by its name in upper case.
func mechanismNamed(name string) (m mechanism, known bool) {
	if strings.HasPrefix(name, "SCRAM-") {
		name = "SCRAM-"
	}
	m, known = mechanisms[name]
	if !known {
		return unnamed, false
	}
	return m, true
}

// unpassable mechanisms never work through a proxy. EXTERNAL refers to the TLS
// session, which would be the proxy's and not the client's (RFC 4422 appendix
// A); ANONYMOUS has no user (RFC 4505).
var unpassable = []string{"EXTERNAL", "ANONYMOUS"}

// collectsAll reports whether every login is collected before it is sent to the
// backend; see Login.
func (m *Mechanisms) collectsAll() bool { return m.routed() || m.loginMethod().fixed() }

func (m *Mechanisms) routed() bool { return m != nil && m.Routed }

func (m *Mechanisms) loginMethod() LoginMethod {
	if m == nil {
		return Same
	}
	return m.LoginMethod
}

func (m *Mechanisms) hides(name string) bool { return m != nil && slices.Contains(m.Hidden, name) }

func (m *Mechanisms) showsUnnamed(name string) bool {
	return m != nil && slices.Contains(m.Unnamed, name)
}

// Allows reports whether a mechanism is allowed. Mechanisms with channel
// binding (-PLUS, RFC 5802 §6) never are: the client's TLS channel ends at the
// proxy.
func (m *Mechanisms) Allows(name string) bool {
	name = strings.ToUpper(name)
	its, known := mechanismNamed(name)
	switch {
	case name == "", strings.HasSuffix(name, "-PLUS"), slices.Contains(unpassable, name), m.hides(name):
		return false
	case m.loginMethod().fixed():
		return its.password || its.token
	case m.routed():
		return its.early
	}
	return known || m.showsUnnamed(name)
}

// AllowsAPOP reports whether POP3's APOP is allowed. APOP answers a challenge
// in the backend's greeting, so that such a login cannot be collected before a
// backend is dialled.
func (m *Mechanisms) AllowsAPOP() bool { return !m.collectsAll() && !m.hides("APOP") }

// Filter returns the mechanisms to offer to clients of a backend with these offers.
// If all logins use one method, PLAIN and LOGIN are among them even if the backend
// does not offer them.
func (m *Mechanisms) Filter(o Offers) []string {
	offered := o.SASL
	switch {
	case m.loginMethod().fixed():
		offered = slices.DeleteFunc(slices.Clone(offered), func(name string) bool {
			its, _ := mechanismNamed(strings.ToUpper(name))
			return its.password
		})
		offered = append([]string{"PLAIN", "LOGIN"}, offered...)
	case m.loginMethod() == Auto && o.Adds():
		offered = append(slices.Clone(offered), "PLAIN")
	}
	return slices.DeleteFunc(slices.Clone(offered), func(name string) bool { return !m.Allows(name) })
}

// HasLayers reports whether a mechanism may encrypt the session between client
// and backend after the login, so that the proxy cannot read it.
func HasLayers(name string) bool {
	its, _ := mechanismNamed(strings.ToUpper(name))
	return its.layers
}

// behind returns a function that finds the text between the last mark and the next
// stop. An empty stop is the end of the text.
func behind(mark, stop string) func(string) (from, to int) {
	return func(s string) (int, int) {
		i := strings.LastIndex(s, mark)
		if i < 0 {
			return -1, -1
		}
		from := i + len(mark)
		if n := strings.Index(s[from:], stop); stop != "" && n >= 0 {
			return from, from + n
		}
		return from, len(s)
	}
}
