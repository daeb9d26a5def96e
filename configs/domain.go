package configs

import (
	"errors"
	"strings"
)

var (
	errDomainEmpty = errors.New("is empty")
	errDomainLong  = errors.New("is longer than the 253 characters of a domain name")
	errDomainLabel = errors.New("is no domain name: its parts must be 1 to 63 letters, digits and hyphens")
	errDomainUTF8  = errors.New("is not in ASCII; write the domain in its xn-- form")
	errLocalPart   = errors.New("has an illegal part in front of the @")
)

// legalDomain holds a name to the letters, digits and hyphens of RFC 1123
// §2.1. It is as it goes into greetings and comparisons: no root dot, and
// internationalised names in their ASCII form (RFC 5890 §2.3.2.1).
func legalDomain(name string) error {
	switch {
	case name == "":
		return errDomainEmpty
	case len(name) > 253:
		return errDomainLong
	case strings.ContainsFunc(name, func(r rune) bool { return r > 127 }):
		return errDomainUTF8
	}
	for label := range strings.SplitSeq(name, ".") {
		if !legalLabel(label) {
			return errDomainLabel
		}
	}
	return nil
}

// legalLabel takes letters, digits and inner hyphens; r|0x20 puts ASCII letters
// in lower case and maps no other character to one.
func legalLabel(label string) bool {
	if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
		return false
	}
	return !strings.ContainsFunc(label, func(r rune) bool {
		return r != '-' && (r < '0' || r > '9') && (r|0x20 < 'a' || r|0x20 > 'z')
	})
}

// legalPattern takes a domain, or .domain for everything beneath it.
func legalPattern(pattern string) error {
	if pattern == "." {
		return errDomainLabel
	}
	return legalDomain(strings.TrimPrefix(pattern, "."))
}

// legalRecipient takes a pattern or a full address (RFC 5321 §4.1.2; local
// parts up to 64 octets, §4.5.3.1.1).
func legalRecipient(entry string) error {
	at := strings.LastIndexByte(entry, '@')
	if at < 0 {
		return legalPattern(entry)
	}
	local := entry[:at]
	if local == "" || len(local) > 64 || strings.ContainsFunc(local, func(r rune) bool { return r <= ' ' || r == 127 || r == '<' || r == '>' }) {
		return errLocalPart
	}
	return legalDomain(entry[at+1:])
}

// foldDomain puts the domain of an entry in lower case and leaves the local
// part alone: only its own server may say that case does not matter there.
func foldDomain(entry string) string {
	at := strings.LastIndexByte(entry, '@')
	return entry[:at+1] + strings.ToLower(entry[at+1:])
}
