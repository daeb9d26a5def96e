package smtp

import (
	"strings"

	"github.com/letterlock/letterlock/internal/idn"
)

// Recipients returns a function that reports whether an address is on the list
// of domains, `.domains` (their subdomains) and whole addresses. The list's
// domains are folded (see package idn); the domain of an address may have
// A-labels or U-labels.
//
// An address with a route in its local part (RFC 5321 appendix C, and the
// percent hack of RFC 1123 §5.2.16) is on no list: the backend trusts us and
// would relay it. A domain that the backend may read as another domain is on no
// list either.
func Recipients(list []string) func(address string) bool {
	entries := make(map[string]bool, len(list))
	for _, entry := range list {
		entries[strings.ToLower(entry)] = true
	}
	return func(address string) bool {
		switch {
		case strings.ContainsAny(address, almostASCII):
			return false
		case strings.EqualFold(address, "postmaster"): // RFC 5321 §4.5.1
			return true
		}
		at := strings.LastIndexByte(address, '@')
		if at <= 0 || strings.ContainsAny(address[:at], "@%!:") {
			return false
		}
		domain, ok := idn.Exact(address[at+1:])
		return ok && (entries[strings.ToLower(address[:at])+"@"+domain] || matchesDomain(entries, domain))
	}
}

// almostASCII are letters that fold to ASCII letters. The backend may treat
// them as different letters.
const almostASCII = "\u0130\u017f\u212a"

// matchesDomain looks up a domain, and each `.parent` of it.
func matchesDomain(entries map[string]bool, domain string) bool {
	if domain == "" || entries[domain] {
		return domain != ""
	}
	for i := range len(domain) {
		if domain[i] == '.' && entries[domain[i:]] {
			return true
		}
	}
	return false
}
