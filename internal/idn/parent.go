package idn

import (
	"strings"

	"golang.org/x/net/publicsuffix"
)

// Parent returns the domain above a host's name. It is empty if that is a
// public suffix, such as co.uk, in which different owners have their domains.
func Parent(host string) string {
	_, parent, _ := strings.Cut(host, ".")
	if suffix, _ := publicsuffix.PublicSuffix(parent); suffix == parent {
		return ""
	}
	return parent
}
