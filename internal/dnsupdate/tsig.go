package dnsupdate

import (
	"encoding/base64"
	"errors"
	"regexp"
	"slices"
	"strings"
)

// tsig is a key that signs DNS messages (RFC 8945).
type tsig struct{ name, algorithm, secret string }

var errTSIG = errors.New("the file must contain one TSIG key, as tsig-keygen writes it, or one line of the form hmac-sha256:name:secret")

// algorithms are those that RFC 8945 §6 allows for new keys, with hmac-sha1, which old
// servers have.
var algorithms = []string{"hmac-sha256", "hmac-sha384", "hmac-sha512", "hmac-sha224", "hmac-sha1"}

var (
	bindKey       = regexp.MustCompile(`\bkey\s+"?([^"\s{]+)"?\s*\{`)
	bindAlgorithm = regexp.MustCompile(`\balgorithm\s+"?([A-Za-z0-9-]+)"?\s*;`)
	bindSecret    = regexp.MustCompile(`\bsecret\s+"?([A-Za-z0-9+/=]+)"?\s*;`)
	comment       = regexp.MustCompile(`(?m)^\s*(#|//).*$`)
)

// parseTSIG reads a key file of BIND, or a line as nsupdate -y takes it. Knot's keymgr
// writes such a line as a comment; without the # it can be used.
func parseTSIG(text string) (tsig, error) {
	text = strings.TrimSpace(comment.ReplaceAllString(text, ""))
	var key tsig
	if name := bindKey.FindStringSubmatch(text); name != nil {
		algorithm, secret := bindAlgorithm.FindStringSubmatch(text), bindSecret.FindStringSubmatch(text)
		if algorithm == nil || secret == nil {
			return tsig{}, errTSIG
		}
		key = tsig{name[1], algorithm[1], secret[1]}
	} else if parts := strings.Split(text, ":"); len(parts) == 3 {
		key = tsig{parts[1], parts[0], parts[2]}
	}
	key.algorithm = strings.ToLower(key.algorithm)
	if _, err := base64.StdEncoding.DecodeString(key.secret); err != nil || key.secret == "" || key.name == "" || !slices.Contains(algorithms, key.algorithm) {
		return tsig{}, errTSIG // the cause would contain the secret
	}
	return key, nil
}
