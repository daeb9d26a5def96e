package gate

import (
	"slices"
	"strings"
)

// Mechanisms decides which SASL mechanisms are shown and accepted. Sessions of a
// listener share it. Nil is all that can pass, as the backend has them.
type Mechanisms struct {
	Hidden  []string // beside those that cannot pass; upper case
	Unnamed []string // that pass although no name can be read from them; upper case

	// Routed says that the backend follows from the user's name, which a client
	// must then send before the backend is dialled. LoginMethod is how the proxy
	// logs in at the backend.
	Routed      bool
	LoginMethod LoginMethod
}

// mechanism is what the proxy knows about a SASL mechanism.
type mechanism struct {
	read   reader // of the user's name
	secret int    // which response tells the secret, or proves that the client knows it

	early      bool // the name comes before the backend's first challenge
	challenged bool // the client cannot respond before it
	prompts    bool // challenges are prompts, and say nothing
	password   bool // the password itself is told
	token      bool // in place of a password
	layers     bool // what follows the login may be encrypted between client and backend

	// secretIn finds the secret in a response; begin is -1 if there is none.
	secretIn func(response string) (begin, end int)
}

// mechanisms are those whose user can be read, as the log and the limits on
// failed logins need it. All others are hidden; docs/backends.md has the table
// with the reasons. SCRAM- stands for the whole family.
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

// unnamed is a mechanism whose user cannot be read, and that is shown all the
// same where the configuration says so.
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

// unpassable mechanisms say something about the client's own TLS session or
// nothing about the client (RFC 4422, RFC 4505): a backend behind a proxy
// would take it for something else.
var unpassable = []string{"EXTERNAL", "ANONYMOUS"}

// ahead reports whether all logins are heard out before the backend hears of
// them; see Login.
func (m *Mechanisms) ahead() bool { return m.routed() || m.loginMethod().fixed() }

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

// Allows reports whether a mechanism may pass. Channel binding (-PLUS,
// RFC 5802 §6) ends at the proxy, so those never do.
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

// AllowsAPOP reports whether POP3's APOP may pass: the client answers a
// challenge of the backend's greeting with it, and so cannot be heard before a
// backend is chosen.
func (m *Mechanisms) AllowsAPOP() bool { return !m.ahead() && !m.hides("APOP") }

// Filter returns the mechanisms that clients of a backend with these offers may
// use. Where all logins go by one, those that carry a password are among them,
// whether the backend knows them or not.
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

// HasLayers reports whether a mechanism may encrypt what follows the login
// between client and backend, so that we cannot read it.
func HasLayers(name string) bool {
	its, _ := mechanismNamed(strings.ToUpper(name))
	return its.layers
}

// behind finds what stands between the last mark and the next stop; an empty
// stop is the end.
func behind(mark, stop string) func(string) (begin, end int) {
	return func(s string) (int, int) {
		i := strings.LastIndex(s, mark)
		if i < 0 {
			return -1, -1
		}
		begin := i + len(mark)
		if n := strings.Index(s[begin:], stop); stop != "" && n >= 0 {
			return begin, begin + n
		}
		return begin, len(s)
	}
}
