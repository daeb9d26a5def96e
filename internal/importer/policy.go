package importer

import (
	"fmt"
	"slices"
	"strings"

	"github.com/letterlock/letterlock/configs"
	"github.com/letterlock/letterlock/tlspolicy"
)

// tlsFacts holds the settings of a file for TLS with clients.
type tlsFacts struct {
	min, max tlspolicy.Version // 0: not set
	kinds    kinds             // 0: not set
	settings []*setting        // those that say it
	old      []string          // what it accepts and nothing here can, such as SSLv3
}

// from notes the setting that a fact comes from.
func (t *tlsFacts) from(s *setting) *tlsFacts {
	if s != nil {
		t.settings = append(t.settings, s)
	}
	return t
}

// versions sets the versions from their names, such as TLSv1.1; with "SSLv3" or
// older names among them they are noted as old.
func (t *tlsFacts) versions(s *setting, names []string) {
	t.from(s)
	for _, name := range names {
		v, ok := versionOf(name)
		switch {
		case !ok:
		case v == 0:
			t.old = append(t.old, name)
			t.min = tlspolicy.VersionTLS10
		default:
			t.min, t.max = lowest(t.min, v), max(t.max, v)
		}
	}
	if t.max == 0 {
		t.max = t.min
	}
}

func lowest(a, b tlspolicy.Version) tlspolicy.Version {
	if a == 0 {
		return b
	}
	return min(a, b)
}

// floor sets the lowest version by its name.
func (t *tlsFacts) floor(s *setting, name string) error {
	v, ok := versionOf(name)
	if !ok {
		return s.wrong("%q is not a version of TLS", name)
	}
	t.from(s)
	if v == 0 {
		t.old, v = append(t.old, name), tlspolicy.VersionTLS10
	}
	t.min = v
	return nil
}

// ceiling sets the highest version by its name.
func (t *tlsFacts) ceiling(s *setting, name string) error {
	v, ok := versionOf(name)
	if !ok {
		return s.wrong("%q is not a version of TLS", name)
	}
	t.from(s).max = max(v, tlspolicy.VersionTLS10)
	return nil
}

// without takes versions off those that are accepted.
func (t *tlsFacts) without(s *setting, names []string) {
	t.from(s)
	excluded := map[tlspolicy.Version]bool{}
	for _, name := range names {
		v, _ := versionOf(name)
		excluded[v] = true
	}
	for v := tlspolicy.VersionTLS10; v <= tlspolicy.VersionTLS13; v++ {
		if !excluded[v] {
			t.min = v
			return
		}
	}
}

// ciphers sets the suites from a list of OpenSSL's.
func (t *tlsFacts) ciphers(s *setting, list string) {
	if s == nil || list == "" {
		return
	}
	t.from(s)
	if t.kinds = readCiphers(list); t.kinds == 0 {
		t.kinds = aead
	}
	for word := range strings.FieldsFuncSeq(list, func(c rune) bool { return strings.ContainsRune(":, +", c) }) {
		if slices.Contains([]string{"RC4", "RC4-SHA", "RC4-MD5", "eNULL", "NULL", "aNULL", "ADH", "LOW", "EXPORT", "EXP", "DES"}, word) {
			t.old = append(t.old, word)
		}
	}
}

// versionNames has the names that OpenSSL, HAProxy, Dovecot, Postfix and
// Perdition use. SSL 2 and 3 are 0.
var versionNames = map[string]tlspolicy.Version{
	"sslv2": 0, "sslv3": 0, "any": tlspolicy.VersionTLS10,
	"tlsv1": tlspolicy.VersionTLS10, "tlsv1.0": tlspolicy.VersionTLS10, "tlsv10": tlspolicy.VersionTLS10,
	"tlsv1.1": tlspolicy.VersionTLS11, "tlsv11": tlspolicy.VersionTLS11,
	"tlsv1.2": tlspolicy.VersionTLS12, "tlsv12": tlspolicy.VersionTLS12,
	"tlsv1.3": tlspolicy.VersionTLS13, "tlsv13": tlspolicy.VersionTLS13,
}

func versionOf(name string) (tlspolicy.Version, bool) {
	v, ok := versionNames[strings.ToLower(strings.ReplaceAll(name, "_", "."))]
	return v, ok
}

// policy is the TLS policy of a service: a built-in one, or one to write.
type policy struct {
	name, base string // no base: it is built in
	min        tlspolicy.Version
	suites     []tlspolicy.Suite // nil: those of the base
}

// choose returns the policy that accepts what the file accepts and the service's
// default policy does too; with keepWeak, what the file accepts. It reports what
// becomes stronger, and what stays weak.
func (r *reader) choose(s *service) policy {
	standard := builtin(s.name.DefaultPolicy())
	own := kindsOf(standard)
	wantMin, wantKinds := s.tls.min, s.tls.kinds
	if wantMin == 0 {
		wantMin = standard.Min
	}
	switch {
	case wantKinds != 0:
	case wantMin < tlspolicy.VersionTLS12: // no old version goes without old suites
		wantKinds = aead | cbc | staticRSA
	default:
		wantKinds = own
	}
	excess := wantKinds &^ own
	weak := wantMin < standard.Min || excess != 0
	r.report(s, standard, wantMin, wantKinds, weak)
	if !r.KeepWeak {
		wantMin, wantKinds = max(wantMin, standard.Min), wantKinds&own
	}
	wantKinds |= aead
	if wantKinds == aead {
		wantMin = max(wantMin, tlspolicy.VersionTLS12)
	}
	return policyFor(s, wantMin, wantKinds)
}

func kindsOf(p tlspolicy.Policy) (all kinds) {
	for _, s := range p.Suites {
		all |= kindOf(s)
	}
	return all
}

// report notes how the policy differs from what the file accepts.
func (r *reader) report(s *service, standard tlspolicy.Policy, lowest tlspolicy.Version, accepted kinds, weak bool) {
	at := s.at
	if len(s.tls.settings) > 0 {
		at = s.tls.settings[len(s.tls.settings)-1]
	}
	if len(s.tls.old) > 0 {
		s.note(r, at, Changed, "no policy accepts %s", strings.Join(s.tls.old, ", "))
	}
	what := fmt.Sprintf("%s and later, with the suites %s", lowest, accepted)
	switch {
	case weak && r.KeepWeak:
		s.note(r, at, Weak, "the service accepts %s, as before (--keep-weak); the default is the policy %s", what, standard.Name)
		if s.login() {
			s.note(r, at, Changed, "a login still needs TLS 1.2 with ECDHE; for clients that have less, write an exception for their networks with weak_login: true")
		}
	case weak:
		s.note(r, at, Changed, "this accepts %s; the policy %s accepts %s and later, with %s (--keep-weak keeps the rest)", what, standard.Name, standard.Min, kindsOf(standard))
	case s.tls.max != 0 && s.tls.max < tlspolicy.VersionTLS13:
		s.note(r, at, Changed, "TLS 1.3 is accepted too")
	case s.tls.min == 0 && s.name != configs.SMTP:
		s.note(r, at, Check, "the file sets no lowest version of TLS, and so accepts what the program and its TLS library do; the policy %s accepts %s and later, with %s, and refuses older clients",
			standard.Name, standard.Min, kindsOf(standard))
	case len(s.tls.settings) == 0 && s.name == "smtp":
		s.note(r, s.at, Check, "the file sets no version or cipher suite; the policy opportunistic accepts TLS 1.0 and static RSA, where the alternative is plaintext")
	}
}

// policyFor returns the built-in policy with a lowest version and classes of
// suites, or a new policy that is based on the nearest built-in one.
func policyFor(s *service, lowest tlspolicy.Version, accepted kinds) policy {
	for _, name := range tlspolicy.Names() {
		p := builtin(name)
		if s.name != configs.SMTP && strings.HasPrefix(name, "opportunistic") {
			break // it allows no login with CBC; compat as the base does
		}
		if p.Min == lowest && (lowest == tlspolicy.VersionTLS13 || kindsOf(p) == accepted) {
			return policy{name: name}
		}
	}
	if accepted&^(aead|cbc) == 0 && lowest < tlspolicy.VersionTLS12 {
		return policy{base: "compat", min: lowest, suites: pick(accepted, "compat")}
	}
	base := "opportunistic-wide"
	for _, name := range tlspolicy.Names()[1:] {
		if accepted&^kindsOf(builtin(name)) == 0 {
			base = name
			break
		}
	}
	if s.name != configs.SMTP && base != "strict" {
		base = "compat" // the base that allows logins with CBC too
	}
	p := policy{base: base, suites: pick(accepted, base)}
	if lowest != builtin(base).Min {
		p.min = lowest
	}
	return p
}

// pick returns the suites of the classes, or nil if they are those of the base.
func pick(accepted kinds, base string) []tlspolicy.Suite {
	if kindsOf(builtin(base)) == accepted {
		return nil
	}
	return suitesOf(accepted)
}

// equal reports whether two policies accept the same.
func (p policy) equal(o policy) bool {
	return p.base == o.base && p.min == o.min && slices.Equal(p.suites, o.suites)
}
