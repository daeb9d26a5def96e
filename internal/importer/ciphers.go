package importer

import (
	"slices"
	"strings"

	"github.com/letterlock/letterlock/tlspolicy"
)

// kinds is a set of classes of cipher suites of TLS 1.2 and below.
type kinds uint8

const (
	aead      kinds = 1 << iota // ephemeral key exchange with AEAD
	cbc                         // ephemeral key exchange with CBC
	staticRSA                   // RSA key exchange
	tripleDES
)

// kindNames are the names of the classes in notes.
var kindNames = []struct {
	kind kinds
	name string
}{
	{aead, "ECDHE-AEAD"}, {cbc, "ECDHE-CBC"}, {staticRSA, "static RSA"}, {tripleDES, "3DES"},
}

func (k kinds) String() string {
	var all []string
	for _, n := range kindNames {
		if k&n.kind != 0 {
			all = append(all, n.name)
		}
	}
	return strings.Join(all, ", ")
}

// suitesOf returns the suites of the classes. Each built-in policy adds a class to
// those of the policy before it.
func suitesOf(k kinds) (all []tlspolicy.Suite) {
	var before []tlspolicy.Suite
	for i, name := range []string{"strict", "compat", "opportunistic", "opportunistic-wide"} {
		suites := builtin(name).Suites
		if k&(1<<i) != 0 {
			all = append(all, suites[len(before):]...)
		}
		before = suites
	}
	return all
}

func builtin(name string) tlspolicy.Policy {
	p, _ := tlspolicy.Named(name) // the names are constants of this package and of configs
	return p
}

// kindOf returns the class of a suite. It is 0 for CBC with SHA-256: no client
// needs these suites.
func kindOf(s tlspolicy.Suite) kinds {
	name := s.String()
	_, ephemeral := strings.CutPrefix(name, "ECDHE-")
	switch {
	case strings.Contains(name, "DES-CBC3"):
		return tripleDES
	case isAEAD(name) && ephemeral:
		return aead
	case isAEAD(name):
		return staticRSA
	case strings.HasSuffix(name, "SHA256"):
		return 0
	case ephemeral:
		return cbc
	}
	return staticRSA
}

func isAEAD(name string) bool {
	return strings.Contains(name, "GCM") || strings.Contains(name, "CHACHA20")
}

// readCiphers returns the classes of suites that a cipher list of OpenSSL
// (openssl-ciphers(1)) allows, of those that Letterlock has.
func readCiphers(list string) (allowed kinds) {
	all := builtin("opportunistic-wide").Suites
	active, killed := map[tlspolicy.Suite]bool{}, map[tlspolicy.Suite]bool{}
	for _, word := range strings.FieldsFunc(list, func(c rune) bool { return strings.ContainsRune(":, ;", c) }) {
		name := strings.TrimLeft(word, "!-+")
		for _, s := range all {
			if !matches(s.String(), name) {
				continue
			}
			switch word[0] {
			case '!':
				killed[s] = true
			case '-':
				delete(active, s)
			case '+':
			default:
				active[s] = true
			}
		}
	}
	for s := range active {
		if !killed[s] {
			allowed |= kindOf(s)
		}
	}
	return allowed
}

// matches reports whether a suite has all properties in a word such as
// ECDHE+AESGCM.
func matches(suite, word string) bool {
	properties := propertiesOf(suite)
	for part := range strings.SplitSeq(word, "+") {
		if !slices.Contains(properties, part) {
			return false
		}
	}
	return word != ""
}

// propertiesOf lists the words of a cipher list that a suite is in.
func propertiesOf(suite string) []string {
	all := []string{suite, "ALL", "FIPS", "AES"}
	if strings.HasPrefix(suite, "ECDHE-") {
		all = append(all, "ECDHE", "EECDH", "kECDHE", "kEECDH")
	} else {
		all = append(all, "kRSA", "RSA", "aRSA")
	}
	switch {
	case strings.Contains(suite, "-ECDSA-"):
		all = append(all, "aECDSA", "ECDSA")
	case strings.Contains(suite, "-RSA-"):
		all = append(all, "aRSA")
	}
	switch {
	case strings.Contains(suite, "DES-CBC3"):
		return append(slices.DeleteFunc(all, func(w string) bool { return w == "AES" }), "3DES", "MEDIUM", "SHA", "SHA1", "SSLv3", "TLSv1", "TLSv1.0")
	case strings.Contains(suite, "CHACHA20"):
		return append(slices.DeleteFunc(all, func(w string) bool { return w == "AES" }), "HIGH", "DEFAULT", "CHACHA20", "AEAD", "TLSv1.2")
	case strings.Contains(suite, "AES128"):
		all = append(all, "AES128")
	default:
		all = append(all, "AES256")
	}
	all = append(all, "HIGH", "DEFAULT")
	switch {
	case isAEAD(suite):
		return append(all, "AESGCM", "AEAD", "TLSv1.2")
	case strings.HasSuffix(suite, "SHA256"):
		return append(all, "SHA256", "TLSv1.2")
	}
	return append(all, "SHA", "SHA1", "SSLv3", "TLSv1", "TLSv1.0")
}
