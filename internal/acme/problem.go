package acme

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"

	"github.com/mholt/acmez/v3/acme"
)

// remedies say what to do about each type of problem (RFC 8555 §6.7, RFC 9773 §7.4).
// A %s stands for the name that the problem is about.
var remedies = map[string]string{
	acme.ProblemTypeRateLimited:             "nothing: the order is repeated when the CA allows it. Fewer names, or acme.one_certificate, need fewer certificates",
	acme.ProblemTypeConnection:              "let port 80 or 443 of %s reach this machine from the Internet, or answer with DNS (acme.dns)",
	acme.ProblemTypeTLS:                     "let port 443 of %s reach acme.tls_alpn of this machine, without another TLS server in front",
	acme.ProblemTypeDNS:                     "correct the DNS records of %s: the CA cannot resolve it",
	acme.ProblemTypeCAA:                     "add this CA to the CAA records of %s, or use another CA (acme.directory)",
	acme.ProblemTypeUnauthorized:            "another server answers for %s: let its address records, or the web server that forwards the challenge, lead here",
	acme.ProblemTypeIncorrectResponse:       "another server answers for %s: let its address records, or the web server that forwards the challenge, lead here",
	acme.ProblemTypeRejectedIdentifier:      "take %s out of the configuration, or ask the CA why it does not sign it",
	acme.ProblemTypeUnsupportedIdentifier:   "take %s out of the configuration, or use a CA and a profile (acme.profile) that sign it",
	acme.ProblemTypeExternalAccountRequired: "get an account from the CA, and write its key into acme.eab",
	acme.ProblemTypeInvalidContact:          "correct acme.email",
	acme.ProblemTypeUnsupportedContact:      "correct acme.email",
	acme.ProblemTypeUserActionRequired:      "read what the CA asks for at the address in the error",
	acme.ProblemTypeBadCSR:                  "choose types of keys that the CA signs (acme.keys)",
	acme.ProblemTypeBadPublicKey:            "choose types of keys that the CA signs (acme.keys)",
	acme.ProblemTypeServerInternal:          "nothing: the CA has a fault, and the order is repeated",
}

const (
	remedyProfile = "choose a profile that the CA offers (acme.profile)"
	remedyNetwork = "see that this machine reaches the CA at %s, and that the CA is up"
	remedyClock   = "see that the clock of this machine is right, and that acme.ca_roots fits the CA"
	remedyRoots   = "let acme.ca_roots name the root that the CA's own certificate is from"
	remedyOther   = "see what the error says; docs/certificates.md has the common ones"
)

// problemType returns the type of the CA's problem document in an error; empty if there
// is none.
func problemType(err error) string {
	var p acme.Problem
	if errors.As(err, &p) {
		return p.Type
	}
	return ""
}

// remedied is an error that says itself what to do.
type remedied struct {
	error
	remedy string
}

func (r remedied) Unwrap() error { return r.error }

// describe returns the text of an error, in the CA's own words if it has some, and what
// to do about it.
func (k *Keeper) describe(err error, e *entry) (words, remedy string) {
	var p acme.Problem
	var own remedied
	switch {
	case errors.As(err, &p):
		name, challenge := subject(p, e)
		words = "the CA said: " + challenge + problemWords(p.Detail, p.Type, p.Subproblems)
		remedy = remedies[p.Type]
		if strings.Contains(p.Type, "invalidProfile") {
			remedy = remedyProfile
		}
		if strings.Contains(remedy, "%s") {
			remedy = fmt.Sprintf(remedy, name)
		}
	case errors.As(err, &own):
		words, remedy = err.Error(), own.remedy
	case isNetwork(err):
		words, remedy = fmt.Sprintf("the CA cannot be reached: %v", err), k.networkRemedy(err)
	case strings.Contains(err.Error(), "profile"):
		words, remedy = err.Error(), remedyProfile
	default:
		words = err.Error()
	}
	if remedy == "" {
		remedy = remedyOther
	}
	return words, remedy
}

// subject returns the name that a problem is about, and the type of the challenge that
// has failed, if any.
func subject(p acme.Problem, e *entry) (name, challenge string) {
	authorization, ok := p.Resource.(acme.Authorization)
	if !ok {
		return e.names[0], ""
	}
	for _, c := range authorization.Challenges {
		if c.Error != nil {
			challenge = c.Type + ": "
		}
	}
	return authorization.IdentifierValue(), challenge
}

func problemWords(detail, kind string, parts []acme.Subproblem) string {
	words := fmt.Sprintf("%s (%s)", detail, kind[strings.LastIndexByte(kind, ':')+1:])
	for _, part := range parts {
		words += "; " + problemWords(part.Detail, part.Type, part.Subproblems)
	}
	return words
}

// isNetwork reports whether a request to the CA got no response.
func isNetwork(err error) bool {
	var request *url.Error
	var network net.Error
	return errors.As(err, &request) || errors.As(err, &network) || errors.Is(err, context.DeadlineExceeded)
}

func (k *Keeper) networkRemedy(err error) string {
	var invalid x509.CertificateInvalidError
	var unknown x509.UnknownAuthorityError
	switch {
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return remedyClock
	case errors.As(err, &unknown):
		return remedyRoots
	}
	return fmt.Sprintf(remedyNetwork, k.o.Directory)
}
