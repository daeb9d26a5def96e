// Package idn converts domain names into the one form in which they are
// compared: lower case, A-labels for labels that are not ASCII (RFC 5890
// §2.3.2.1), and no trailing dot.
package idn

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

// profile is idna.Lookup with the length limits of DNS.
var profile = idna.New(idna.MapForLookup(), idna.BidiRule(), idna.CheckHyphens(true), idna.StrictDomainName(true), idna.Transitional(false), idna.VerifyDNSLength(true))

var errUTF8 = errors.New("it is not UTF-8")

// Fold returns the form of a name that a person has written, with the mappings
// of UTS 46. It does not check whether an ASCII name is legal.
func Fold(name string) (string, error) {
	name = strings.TrimSuffix(name, ".")
	if isASCII(name) {
		return strings.ToLower(name), nil
	}
	ascii, err := profile.ToASCII(name)
	if !utf8.ValidString(name) {
		err = errUTF8
	}
	if err != nil {
		return "", fmt.Errorf("%q is not a domain name: %w", name, err)
	}
	return ascii, nil
}

// FoldOr is Fold, but returns a name that Fold refuses in lower case.
func FoldOr(name string) string {
	if folded, err := Fold(name); err == nil {
		return folded
	}
	return strings.ToLower(strings.TrimSuffix(name, "."))
}

// Exact returns the form of a name that a client has sent and that other
// programs will read. It returns false if programs may differ on the name: each
// label must be an A-label, or a U-label in any case. Some servers map
// full-width letters, dots other than the ASCII dot, and letters whose lower
// case is ASCII; others do not.
func Exact(name string) (folded string, ok bool) {
	folded, err := Fold(name)
	if err != nil || isASCII(name) {
		return folded, err == nil
	}
	if strings.ContainsFunc(name, func(r rune) bool { return r > unicode.MaxASCII && unicode.ToLower(r) <= unicode.MaxASCII }) {
		return "", false
	}
	written, ascii := strings.Split(strings.ToLower(strings.TrimSuffix(name, ".")), "."), strings.Split(folded, ".")
	if len(written) != len(ascii) {
		return "", false
	}
	for i, label := range written {
		shown, err := profile.ToUnicode(ascii[i])
		if err != nil || label != ascii[i] && label != shown {
			return "", false
		}
	}
	return folded, true
}

func isASCII(name string) bool {
	return !strings.ContainsFunc(name, func(r rune) bool { return r > unicode.MaxASCII })
}
