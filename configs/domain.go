package configs

import (
	"errors"
	"fmt"
	"strings"
	"unicode"

	"github.com/letterlock/letterlock/internal/idn"
)

var (
	errDomainEmpty = errors.New("is empty")
	errDomainLong  = errors.New("is longer than the 253 characters of a domain name")
	errDomainLabel = errors.New("is not a domain name: its parts must be 1 to 63 letters, digits and hyphens")
	errDomainUTF8  = errors.New("is not a domain name that has an ASCII form (RFC 5891)")
	errLocalPart   = errors.New("has an illegal part in front of the @")
)

// legalDomain permits the letters, digits and hyphens of RFC 1123 §2.1. The
// name must have been folded to the form that is used in greetings and
// comparisons.
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

// legalLabel permits letters, digits and inner hyphens; r|0x20 converts ASCII
// letters to lower case and maps no other character to a letter.
func legalLabel(label string) bool {
	if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
		return false
	}
	return !strings.ContainsFunc(label, func(r rune) bool {
		return r != '-' && (r < '0' || r > '9') && (r|0x20 < 'a' || r|0x20 > 'z')
	})
}

// legalPattern permits a domain, or .domain for all its subdomains.
func legalPattern(pattern string) error {
	if pattern == "." {
		return errDomainLabel
	}
	return legalDomain(strings.TrimPrefix(pattern, "."))
}

// legalRecipient permits a pattern or a full address (RFC 5321 §4.1.2; local
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

// foldName converts a domain, .domain or *.domain to the form in which names
// are compared: in lower case, without the root's dot, and with A-labels. It
// leaves an invalid name unchanged, for the checks to report.
func foldName(name string) string {
	bare := strings.TrimPrefix(strings.TrimPrefix(name, "*"), ".")
	folded, err := idn.Fold(bare)
	if err != nil {
		return name
	}
	return name[:len(name)-len(bare)] + folded
}

func foldNames(names []string) {
	for i, name := range names {
		names[i] = foldName(name)
	}
}

// foldEntry folds the domain of an entry, and leaves the local part unchanged:
// only its own server knows whether case matters there.
func foldEntry(entry string) string {
	at := strings.LastIndexByte(entry, '@')
	return entry[:at+1] + foldName(entry[at+1:])
}

// FoldAddress is foldEntry for an address that is not in the configuration.
func FoldAddress(address string) string { return foldEntry(address) }

// foldHost converts only a name with other characters than ASCII to A-labels:
// the root's dot has a meaning for the machine's resolver.
func foldHost(host string) string {
	if strings.ContainsFunc(host, func(r rune) bool { return r > unicode.MaxASCII }) {
		return foldName(host)
	}
	return host
}

// Domain parses a domain that is an option of the command line.
func Domain(name string) (string, error) {
	folded := foldName(name)
	if err := legalDomain(folded); err != nil {
		return "", fmt.Errorf("%q %w", name, err)
	}
	return folded, nil
}
